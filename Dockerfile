# The package as a wheel, so that no folder of the image holds a second copy of it.
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY lab ./lab
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheel .

FROM python:3.13-slim

# The dependencies are a layer of their own, made again only when pyproject.toml changes.
COPY pyproject.toml /tmp/
RUN python -c "import tomllib; print(*tomllib.load(open('/tmp/pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > /tmp/requirements.txt \
    && pip install --no-cache-dir --requirement /tmp/requirements.txt

COPY --from=build /wheel /tmp/wheel
RUN pip install --no-cache-dir --no-deps /tmp/wheel/*.whl \
    && useradd --create-home --uid 10001 lab \
    && install -d -o lab -g lab -m 0700 /certs

# No certificate is part of the image: mount a folder with a set at /certs, or let the server make
# one there when it starts.
USER lab
VOLUME /certs
# A published port reaches the container's own address, not its loopback.
ENV MTLS_SERVER_HOST=0.0.0.0 \
    MTLS_SERVER_PORT=8443 \
    PYTHONUNBUFFERED=1
EXPOSE 8443
STOPSIGNAL SIGTERM
# The monitor answers on loopback only, and without a client certificate.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 9090, timeout=4); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["mtls-lab", "server", "--certs", "/certs", "--monitor-port", "9090"]
