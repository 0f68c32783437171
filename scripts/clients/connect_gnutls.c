/* Connects once for each line "PORT CA CERT:KEY ...", by GnuTLS as a library with its defaults. */
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int dial(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        exit(1);
    return fd;
}

static int connect_once(char *line)
{
    gnutls_certificate_credentials_t credentials;
    gnutls_session_t session;
    char byte, *rest = NULL;
    int port = atoi(strtok_r(line, " \n", &rest)), status;
    gnutls_certificate_allocate_credentials(&credentials);
    gnutls_certificate_set_x509_trust_file(
        credentials, strtok_r(NULL, " \n", &rest), GNUTLS_X509_FMT_PEM);
    for (char *pair; (pair = strtok_r(NULL, " \n", &rest)) != NULL;) {
        char *colon = strchr(pair, ':');
        *colon = '\0';
        status = gnutls_certificate_set_x509_key_file(
            credentials, pair, colon + 1, GNUTLS_X509_FMT_PEM);
        if (status < 0)
            return status;
    }
    gnutls_init(&session, GNUTLS_CLIENT);
    gnutls_set_default_priority(session);
    gnutls_server_name_set(session, GNUTLS_NAME_DNS, "localhost", 9);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
    int fd = dial(port);
    gnutls_transport_set_int(session, fd);
    do
        status = gnutls_handshake(session);
    while (status < 0 && !gnutls_error_is_fatal(status));
    if (status == 0)
        status = gnutls_record_recv(session, &byte, 1) < 0 ? -1 : 0;
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(credentials);
    close(fd);
    return status;
}

int main(void)
{
    char line[65536];
    while (fgets(line, sizeof line, stdin) != NULL) {
        int status = connect_once(line);
        puts(status == 0 ? "ok" : gnutls_strerror(status));
        fflush(stdout);
    }
    return 0;
}
