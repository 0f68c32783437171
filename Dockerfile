FROM python:3.13-slim

# No certificate is baked into the image: mount a folder with a set at /certs, or let the server
# make one there when it starts.
WORKDIR /app
COPY pyproject.toml README.md ./
COPY lab ./lab
RUN pip install --no-cache-dir . \
    && useradd --create-home --uid 10001 lab \
    && install -d -o lab -g lab -m 0700 /certs

USER lab
VOLUME /certs
# A published port reaches the container's own address, not its loopback.
ENV MTLS_SERVER_HOST=0.0.0.0 \
    MTLS_SERVER_PORT=8443 \
    PYTHONUNBUFFERED=1
EXPOSE 8443
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "lab.server", "--certs", "/certs"]
