/* tinydtls as a peer of our DTLS engine: an echo server, and a client that waits for its echo.
 *
 *     peer serve FOLDER SUITE [NAME=VALUE...]
 *     peer connect PORT FOLDER SUITE [NAME=VALUE...]
 *
 * SUITE is a number of the registry of TLS, four hexadecimal digits; those with ECDHE use raw public keys. Names: name
 * (whose files are ours), key, identity.
 *
 * Speaks the lines that all peer programs speak: `listening PORT`, `agreed`, `data TEXT`, `echo TEXT`, `failed WHY`.
 */
#include "tinydtls.h"
#include "dtls.h"
#include "dtls_debug.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long a client may take, seconds. */
#define PATIENCE 20
#define LONGEST 2048
#define COORDINATE 32

static struct {
    int server;
    int wire;
    dtls_cipher_t suite;
    const char *identity;
    unsigned char key[64];
    size_t key_length;
    unsigned char own[3 * COORDINATE];
    unsigned char peer[2 * COORDINATE];
    int over;
} state;

static void fail(const char *what) {
    printf("failed %s\n", what);
    fflush(stdout);
    exit(1);
}

static void say(const char *what) {
    puts(what);
    fflush(stdout);
}

static size_t file(const char *folder, const char *name, const char *ending, unsigned char *to, size_t size) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s%s", folder, name, ending);
    FILE *from = fopen(path, "rb");
    if (from == NULL) {
        fail("the credentials cannot be read");
    }
    size_t length = fread(to, 1, size, from);
    fclose(from);
    return length;
}

/* x and y, which end a SubjectPublicKeyInfo (RFC 5480). */
static void public_key(const char *folder, const char *name, unsigned char *to) {
    unsigned char spki[256];
    size_t length = file(folder, name, ".spki", spki, sizeof spki);
    if (length < 2 * COORDINATE) {
        fail("a public key is too short");
    }
    memcpy(to, spki + length - 2 * COORDINATE, 2 * COORDINATE);
}

/* The private key, which begins an ECPrivateKey behind its version (RFC 5915). */
static void private_key(const char *folder, const char *name, unsigned char *to) {
    static const unsigned char head[] = {0x02, 0x01, 0x01, 0x04, COORDINATE};
    unsigned char pkcs8[512];
    size_t length = file(folder, name, ".pk8", pkcs8, sizeof pkcs8);
    for (size_t at = 0; at + sizeof head + COORDINATE <= length; at++) {
        if (memcmp(pkcs8 + at, head, sizeof head) == 0) {
            memcpy(to, pkcs8 + at + sizeof head, COORDINATE);
            return;
        }
    }
    fail("a private key cannot be read");
}

static const char *value(int count, char **words, const char *name) {
    size_t length = strlen(name);
    for (int index = 0; index < count; index++) {
        if (strncmp(words[index], name, length) == 0 && words[index][length] == '=') {
            return words[index] + length + 1;
        }
    }
    return NULL;
}

static int on_write(struct dtls_context_t *ctx, session_t *session, uint8 *data, size_t length) {
    (void)ctx;
    return (int)sendto(state.wire, data, length, 0, &session->addr.sa, session->size);
}

static int on_read(struct dtls_context_t *ctx, session_t *session, uint8 *data, size_t length) {
    if (state.server) {
        printf("data %.*s\n", (int)length, (const char *)data);
        fflush(stdout);
        return dtls_write(ctx, session, data, length);
    }
    if (length != 4 || memcmp(data, "ping", 4) != 0) {
        fail("another echo");
    }
    say("echo ping");
    dtls_close(ctx, session);
    state.over = 1;
    return 0;
}

static int on_event(struct dtls_context_t *ctx, session_t *session, dtls_alert_level_t level, unsigned short code) {
    if (code == DTLS_EVENT_CONNECTED) {
        say("agreed");
        if (!state.server) {
            uint8 ping[] = {'p', 'i', 'n', 'g'};
            dtls_write(ctx, session, ping, sizeof ping);
        }
    } else if (level == DTLS_ALERT_LEVEL_FATAL && !state.server) {
        fail("the server sent an alert");
    }
    return 0;
}

static void on_parameters(struct dtls_context_t *ctx, session_t *session, dtls_user_parameters_t *parameters) {
    (void)ctx;
    (void)session;
    parameters->cipher_suites[0] = state.suite;
    parameters->cipher_suites[1] = TLS_NULL_WITH_NULL_NULL;
}

static int on_psk(struct dtls_context_t *ctx, const session_t *session, dtls_credentials_type_t type,
                  const unsigned char *asked, size_t asked_length, unsigned char *to, size_t size) {
    (void)ctx;
    (void)session;
    size_t length = strlen(state.identity);
    switch (type) {
    case DTLS_PSK_HINT:
        return 0;
    case DTLS_PSK_IDENTITY:
        if (size < length) {
            return dtls_alert_fatal_create(DTLS_ALERT_INTERNAL_ERROR);
        }
        memcpy(to, state.identity, length);
        return (int)length;
    case DTLS_PSK_KEY:
        if (asked_length != length || memcmp(asked, state.identity, length) != 0) {
            return dtls_alert_fatal_create(DTLS_ALERT_ILLEGAL_PARAMETER);
        }
        if (size < state.key_length) {
            return dtls_alert_fatal_create(DTLS_ALERT_INTERNAL_ERROR);
        }
        memcpy(to, state.key, state.key_length);
        return (int)state.key_length;
    default:
        return dtls_alert_fatal_create(DTLS_ALERT_INTERNAL_ERROR);
    }
}

static int on_own_key(struct dtls_context_t *ctx, const session_t *session, const dtls_ecdsa_key_t **to) {
    static const dtls_ecdsa_key_t key = {
        DTLS_ECDH_CURVE_SECP256R1, state.own, state.own + COORDINATE, state.own + 2 * COORDINATE};
    (void)ctx;
    (void)session;
    *to = &key;
    return 0;
}

static int on_peer_key(struct dtls_context_t *ctx, const session_t *session, const unsigned char *x,
                       const unsigned char *y, size_t size) {
    (void)ctx;
    (void)session;
    if (size == COORDINATE && memcmp(x, state.peer, size) == 0 && memcmp(y, state.peer + size, size) == 0) {
        return 0;
    }
    return dtls_alert_fatal_create(DTLS_ALERT_BAD_CERTIFICATE);
}

static dtls_handler_t handlers = {
    .write = on_write,
    .read = on_read,
    .event = on_event,
    .get_user_parameters = on_parameters,
    .get_psk_info = on_psk,
};

static void receive(dtls_context_t *ctx) {
    uint8 data[LONGEST];
    session_t session;
    memset(&session, 0, sizeof session);
    session.size = sizeof session.addr;
    ssize_t length = recvfrom(state.wire, data, sizeof data, 0, &session.addr.sa, &session.size);
    if (length > 0) {
        dtls_handle_message(ctx, &session, data, (int)length);
    }
}

/* Lets time pass, and datagrams come. */
static void run(dtls_context_t *ctx) {
    while (!state.over) {
        clock_time_t next = 0;
        clock_time_t now = 0;
        dtls_check_retransmit(ctx, &next);
        dtls_ticks(&now);
        int wait = next > now ? (int)((next - now) * 1000 / CLOCK_SECOND) + 1 : 1000;
        struct pollfd ready = {state.wire, POLLIN, 0};
        if (poll(&ready, 1, wait) > 0) {
            receive(ctx);
        }
    }
}

int main(int count, char **words) {
    state.server = count > 1 && strcmp(words[1], "serve") == 0;
    int first = state.server ? 2 : 3;
    if (count < first + 2) {
        fprintf(stderr, "peer serve FOLDER SUITE [NAME=VALUE...] | peer connect PORT FOLDER SUITE [NAME=VALUE...]\n");
        return 2;
    }
    const char *folder = words[first];
    int rest = count - first - 2;
    state.suite = (dtls_cipher_t)strtoul(words[first + 1], NULL, 16);
    if (state.suite == TLS_PSK_WITH_AES_128_CCM || state.suite == TLS_PSK_WITH_AES_128_CCM_8) {
        const char *digits = value(rest, words + first + 2, "key");
        state.identity = value(rest, words + first + 2, "identity");
        if (digits == NULL || state.identity == NULL) {
            fail("key and identity are missing");
        }
        for (; state.key_length < sizeof state.key && sscanf(digits, "%2hhx", &state.key[state.key_length]) == 1;
             state.key_length++) {
            digits += 2;
        }
    } else {
        const char *name = value(rest, words + first + 2, "name");
        name = name != NULL ? name : state.server ? "server" : "client";
        private_key(folder, name, state.own);
        public_key(folder, name, state.own + COORDINATE);
        public_key(folder, state.server ? "client" : "server", state.peer);
        handlers.get_ecdsa_key = on_own_key;
        handlers.verify_ecdsa_key = on_peer_key;
    }

    struct sockaddr_in own;
    socklen_t size = sizeof own;
    memset(&own, 0, sizeof own);
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    state.wire = socket(AF_INET, SOCK_DGRAM, 0);
    if (state.wire < 0 || bind(state.wire, (struct sockaddr *)&own, sizeof own) != 0) {
        fail("there is no socket");
    }
    getsockname(state.wire, (struct sockaddr *)&own, &size);

    dtls_init();
    dtls_set_log_level(DTLS_LOG_CRIT);
    dtls_context_t *ctx = dtls_new_context(NULL);
    if (ctx == NULL) {
        fail("there is no context");
    }
    dtls_set_handler(ctx, &handlers);
    if (state.server) {
        printf("listening %d\n", ntohs(own.sin_port));
        fflush(stdout);
    } else {
        session_t server;
        memset(&server, 0, sizeof server);
        server.size = sizeof server.addr.sin;
        server.addr.sin.sin_family = AF_INET;
        server.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        server.addr.sin.sin_port = htons((unsigned short)atoi(words[2]));
        alarm(PATIENCE);
        if (dtls_connect(ctx, &server) < 0) {
            fail("no handshake was begun");
        }
    }
    run(ctx);
    return 0;
}
