/* wolfSSL as a peer of our DTLS engine: an echo server, and a client that waits for its echo.
 *
 *     peer serve FOLDER SUITE [NAME=VALUE...]
 *     peer connect PORT FOLDER SUITE [NAME=VALUE...]
 *
 * SUITE is a name of wolfSSL; both sides show certificates. Names: name (whose files are ours), fragment (512), ems (no),
 * etm (no), group (secp256r1, x25519), resume (yes: a second session takes up the first), ticket (yes: by a ticket and in
 * no other way; without it there are none).
 *
 * Speaks the lines that all peer programs speak: `listening PORT`, `agreed SUITE`, `data TEXT`, `echo TEXT`,
 * `failed WHY`.
 */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long a client may take, seconds. */
#define PATIENCE 20
#define LONGEST 16384

struct settings {
    const char *folder;
    const char *suite;
    int count;
    char **words;
};

static void say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

static void fail(const char *what, WOLFSSL *ssl, int result) {
    char text[WOLFSSL_MAX_ERROR_SZ] = "";
    if (ssl != NULL) {
        int error = wolfSSL_get_error(ssl, result);
        wolfSSL_ERR_error_string((unsigned long)error, text);
    }
    say("failed %s %s", what, text);
    exit(1);
}

static const char *value(const struct settings *settings, const char *name) {
    size_t length = strlen(name);
    for (int index = 0; index < settings->count; index++) {
        if (strncmp(settings->words[index], name, length) == 0 && settings->words[index][length] == '=') {
            return settings->words[index] + length + 1;
        }
    }
    return NULL;
}

static int is(const struct settings *settings, const char *name, const char *expected) {
    const char *found = value(settings, name);
    return found != NULL && strcmp(found, expected) == 0;
}

/* A file of the credentials; the buffer lives until the next call. */
static const char *path(const struct settings *settings, const char *name, const char *ending) {
    static char buffer[4096];
    snprintf(buffer, sizeof buffer, "%s/%s%s", settings->folder, name, ending);
    return buffer;
}

static WOLFSSL_CTX *context(const struct settings *settings, int server) {
    WOLFSSL_CTX *ctx = wolfSSL_CTX_new(server ? wolfDTLSv1_2_server_method() : wolfDTLSv1_2_client_method());
    const char *name = value(settings, "name");
    if (name == NULL) {
        name = server ? "server" : "client";
    }
    if (ctx == NULL || wolfSSL_CTX_set_cipher_list(ctx, settings->suite) != WOLFSSL_SUCCESS) {
        fail("there is no such suite", NULL, 0);
    }
    if (wolfSSL_CTX_load_verify_locations(ctx, path(settings, "authority", ".pem"), NULL) != WOLFSSL_SUCCESS
        || wolfSSL_CTX_use_certificate_chain_file(ctx, path(settings, name, ".chain.pem")) != WOLFSSL_SUCCESS
        || wolfSSL_CTX_use_PrivateKey_file(ctx, path(settings, name, ".key.pem"), WOLFSSL_FILETYPE_PEM)
               != WOLFSSL_SUCCESS) {
        fail("the credentials cannot be read", NULL, 0);
    }
    wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    if (is(settings, "ems", "no")) {
        wolfSSL_CTX_DisableExtendedMasterSecret(ctx);
    }
    if (is(settings, "etm", "no")) {
        wolfSSL_CTX_AllowEncryptThenMac(ctx, 0);
    }
    if (is(settings, "fragment", "512") && wolfSSL_CTX_UseMaxFragment(ctx, WOLFSSL_MFL_2_9) != WOLFSSL_SUCCESS) {
        fail("there is no max_fragment_length", NULL, 0);
    }
    if (!is(settings, "ticket", "yes")) {
        wolfSSL_CTX_NoTicketTLSv12(ctx);
    } else if (server) {
        wolfSSL_CTX_set_session_cache_mode(ctx, WOLFSSL_SESS_CACHE_OFF);
    } else if (wolfSSL_CTX_UseSessionTicket(ctx) != WOLFSSL_SUCCESS) {
        fail("there are no tickets", NULL, 0);
    }
    /* The curve of the certificates must be among the groups too. */
    if (is(settings, "group", "x25519")) {
        wolfSSL_CTX_UseSupportedCurve(ctx, WOLFSSL_ECC_X25519);
    }
    if (value(settings, "group") != NULL) {
        wolfSSL_CTX_UseSupportedCurve(ctx, WOLFSSL_ECC_SECP256R1);
    }
    return ctx;
}

static WOLFSSL *session(WOLFSSL_CTX *ctx, int wire) {
    WOLFSSL *ssl = wolfSSL_new(ctx);
    if (ssl == NULL || wolfSSL_set_fd(ssl, wire) != WOLFSSL_SUCCESS) {
        fail("there is no session", NULL, 0);
    }
    return ssl;
}

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((unsigned short)port);
    return address;
}

static int bound(int port) {
    int wire = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in own = loopback(port);
    if (wire < 0 || bind(wire, (struct sockaddr *)&own, sizeof own) != 0) {
        fail("there is no socket", NULL, 0);
    }
    return wire;
}

static void serve_one(WOLFSSL_CTX *ctx, int wire) {
    char text[LONGEST + 1];
    WOLFSSL *ssl = session(ctx, wire);
    int result = wolfSSL_accept(ssl);
    if (result != WOLFSSL_SUCCESS) {
        int error = wolfSSL_get_error(ssl, result);
        char why[WOLFSSL_MAX_ERROR_SZ];
        wolfSSL_ERR_error_string((unsigned long)error, why);
        say("refused %s", why);
        wolfSSL_free(ssl);
        return;
    }
    say("agreed %s", wolfSSL_get_cipher_name(ssl));
    for (;;) {
        int length = wolfSSL_read(ssl, text, LONGEST);
        if (length <= 0) {
            break;
        }
        text[length] = 0;
        say("data %.*s", (int)strcspn(text, "\r\n"), text);
        if (wolfSSL_write(ssl, text, length) != length) {
            break;
        }
    }
    wolfSSL_shutdown(ssl);
    wolfSSL_free(ssl);
}

static void serve(const struct settings *settings) {
    WOLFSSL_CTX *ctx = context(settings, 1);
    int wire = bound(0);
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    getsockname(wire, (struct sockaddr *)&own, &size);
    /* A port that was asked for by its number stays when the socket has no peer any more. */
    close(wire);
    wire = bound(ntohs(own.sin_port));
    say("listening %d", ntohs(own.sin_port));
    for (;;) {
        unsigned char head[16];
        struct sockaddr_in peer;
        socklen_t length = sizeof peer;
        ssize_t got = recvfrom(wire, head, sizeof head, MSG_PEEK, (struct sockaddr *)&peer, &length);
        /* Records of a session that is over are no hello. */
        if (got < 5 || head[0] != 22 || head[3] != 0 || head[4] != 0) {
            (void)recv(wire, head, sizeof head, 0);
            continue;
        }
        /* The socket hears this client alone until its session is over. */
        if (connect(wire, (struct sockaddr *)&peer, length) != 0) {
            fail("the client cannot be reached", NULL, 0);
        }
        serve_one(ctx, wire);
        struct sockaddr nobody;
        memset(&nobody, 0, sizeof nobody);
        nobody.sa_family = AF_UNSPEC;
        (void)connect(wire, &nobody, sizeof nobody);
    }
}

static WOLFSSL_SESSION *connect_once(WOLFSSL_CTX *ctx, int port, WOLFSSL_SESSION *kept) {
    char text[LONGEST + 1];
    int wire = bound(0);
    struct sockaddr_in peer = loopback(port);
    if (connect(wire, (struct sockaddr *)&peer, sizeof peer) != 0) {
        fail("the server cannot be reached", NULL, 0);
    }
    WOLFSSL *ssl = session(ctx, wire);
    wolfSSL_dtls_set_peer(ssl, &peer, sizeof peer);
    wolfSSL_check_domain_name(ssl, "server.example");
    if (kept != NULL && wolfSSL_set_session(ssl, kept) != WOLFSSL_SUCCESS) {
        fail("the session cannot be taken up", NULL, 0);
    }
    int result = wolfSSL_connect(ssl);
    if (result != WOLFSSL_SUCCESS) {
        fail("the handshake failed:", ssl, result);
    }
    if (kept != NULL && !wolfSSL_session_reused(ssl)) {
        fail("the session was not taken up", NULL, 0);
    }
    say("agreed %s", wolfSSL_get_cipher_name(ssl));
    if (wolfSSL_write(ssl, "ping", 4) != 4) {
        fail("nothing can be sent", NULL, 0);
    }
    int length = wolfSSL_read(ssl, text, LONGEST);
    if (length != 4 || memcmp(text, "ping", 4) != 0) {
        fail("another echo", ssl, length);
    }
    say("echo ping");
    WOLFSSL_SESSION *next = wolfSSL_get1_session(ssl);
    wolfSSL_shutdown(ssl);
    wolfSSL_free(ssl);
    close(wire);
    return next;
}

int main(int count, char **words) {
    int server = count > 1 && strcmp(words[1], "serve") == 0;
    int first = server ? 2 : 3;
    if (count < first + 2) {
        fprintf(stderr, "peer serve FOLDER SUITE [NAME=VALUE...] | peer connect PORT FOLDER SUITE [NAME=VALUE...]\n");
        return 2;
    }
    struct settings settings = {words[first], words[first + 1], count - first - 2, words + first + 2};
    wolfSSL_Init();
    if (server) {
        serve(&settings);
    } else {
        alarm(PATIENCE);
        WOLFSSL_CTX *ctx = context(&settings, 0);
        WOLFSSL_SESSION *kept = connect_once(ctx, atoi(words[2]), NULL);
        if (is(&settings, "resume", "yes")) {
            connect_once(ctx, atoi(words[2]), kept);
        }
    }
    return 0;
}
