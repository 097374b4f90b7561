/*
 * OpenSSL as a contender: client and server in memory on one thread. Called with the folder of keys and certificates;
 * speaks the lines of program.rs.
 */
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char IDENTITY[] = "urn:imei:350000000000001";
static const char KEY[] = "sixteen bytes...";
static const char SERVER_NAME[] = "server.example";
/* What a server would bind its cookies to: there is no network here. */
static const unsigned char ADDRESS[] = "127.1.0.1:40000";
static const unsigned char COOKIE_KEY[] = "the server's key for its cookies";
enum { PAYLOAD = 100, MTU = 1232, PATH_ROOM = 4096, ROUND_TRIPS = 16 };

static void fail(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    printf("failed ");
    vprintf(format, values);
    va_end(values);
    unsigned long error = ERR_peek_error();
    printf(error ? ": %s\n" : "\n", ERR_error_string(error, NULL));
    fflush(stdout);
    exit(1);
}

static uint64_t nanoseconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static unsigned int client_psk(SSL *ssl, const char *hint, char *identity, unsigned int identity_room,
                               unsigned char *key, unsigned int key_room)
{
    (void)ssl;
    (void)hint;
    if (identity_room < sizeof IDENTITY || key_room < sizeof KEY - 1)
        return 0;
    memcpy(identity, IDENTITY, sizeof IDENTITY);
    memcpy(key, KEY, sizeof KEY - 1);
    return sizeof KEY - 1;
}

static unsigned int server_psk(SSL *ssl, const char *identity, unsigned char *key, unsigned int key_room)
{
    (void)ssl;
    if (strcmp(identity, IDENTITY) != 0 || key_room < sizeof KEY - 1)
        return 0;
    memcpy(key, KEY, sizeof KEY - 1);
    return sizeof KEY - 1;
}

static int make_cookie(SSL *ssl, unsigned char *cookie, unsigned int *length)
{
    (void)ssl;
    return HMAC(EVP_sha256(), COOKIE_KEY, sizeof COOKIE_KEY - 1, ADDRESS, sizeof ADDRESS - 1, cookie, length) != NULL;
}

static int verify_cookie(SSL *ssl, const unsigned char *cookie, unsigned int length)
{
    unsigned char expected[EVP_MAX_MD_SIZE];
    unsigned int expected_length = 0;
    return make_cookie(ssl, expected, &expected_length) && length == expected_length &&
           CRYPTO_memcmp(cookie, expected, length) == 0;
}

/* Context of one side of one scheme. */
static SSL_CTX *context(const char *folder, const char *scheme, int server)
{
    SSL_CTX *made = SSL_CTX_new(server ? DTLS_server_method() : DTLS_client_method());
    const char *ciphers = NULL;
    int psk = strcmp(scheme, "psk-ccm8") == 0;
    if (psk)
        ciphers = "PSK-AES128-CCM8:@SECLEVEL=0";
    else if (strcmp(scheme, "x509-ccm8") == 0)
        ciphers = "ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0";
    else if (strcmp(scheme, "x509-gcm") == 0)
        ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=0";
    if (!made || !ciphers || !SSL_CTX_set_cipher_list(made, ciphers) ||
        !SSL_CTX_set_min_proto_version(made, DTLS1_2_VERSION) || !SSL_CTX_set1_groups_list(made, "P-256"))
        fail("cannot serve %s", scheme);
    SSL_CTX_set_options(made, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | (server ? SSL_OP_COOKIE_EXCHANGE : 0));
    SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_cookie_generate_cb(made, make_cookie);
    SSL_CTX_set_cookie_verify_cb(made, verify_cookie);
    if (psk) {
        if (server)
            SSL_CTX_set_psk_server_callback(made, server_psk);
        else
            SSL_CTX_set_psk_client_callback(made, client_psk);
        return made;
    }
    char path[PATH_ROOM];
    const char *name = server ? "server" : "client";
    snprintf(path, sizeof path, "%s/%s.der", folder, name);
    if (!SSL_CTX_use_certificate_file(made, path, SSL_FILETYPE_ASN1))
        fail("cannot read %s", path);
    snprintf(path, sizeof path, "%s/%s.pk8", folder, name);
    BIO *key_file = BIO_new_file(path, "rb");
    EVP_PKEY *key = key_file ? d2i_PrivateKey_bio(key_file, NULL) : NULL;
    if (!key || !SSL_CTX_use_PrivateKey(made, key))
        fail("cannot read %s", path);
    snprintf(path, sizeof path, "%s/authority.der", folder);
    BIO *authority_file = BIO_new_file(path, "rb");
    X509 *authority = authority_file ? d2i_X509_bio(authority_file, NULL) : NULL;
    if (!authority || !X509_STORE_add_cert(SSL_CTX_get_cert_store(made), authority))
        fail("cannot read %s", path);
    SSL_CTX_set_verify(made, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    if (!server && !X509_VERIFY_PARAM_set1_host(SSL_CTX_get0_param(made), SERVER_NAME, 0))
        fail("cannot expect %s", SERVER_NAME);
    EVP_PKEY_free(key);
    X509_free(authority);
    BIO_free(key_file);
    BIO_free(authority_file);
    return made;
}

/* Client and server; each reads what the other writes. */
struct pair {
    SSL *sides[2];
    /* How long each has worked, nanoseconds of the clock on the wall. */
    uint64_t spent[2];
};

static BIO *line(void)
{
    BIO *made = BIO_new(BIO_s_mem());
    if (!made)
        fail("no memory");
    /* An empty one has nothing yet; it is not at its end. */
    BIO_set_mem_eof_return(made, -1);
    return made;
}

static void open_pair(struct pair *pair, SSL_CTX *contexts[2])
{
    BIO *up = line(), *down = line();
    for (int side = 0; side < 2; side++) {
        SSL *ssl = SSL_new(contexts[side]);
        if (!ssl)
            fail("no memory");
        BIO_up_ref(up);
        BIO_up_ref(down);
        SSL_set_bio(ssl, side ? up : down, side ? down : up);
        DTLS_set_link_mtu(ssl, MTU);
        SSL_set_mtu(ssl, MTU);
        if (side)
            SSL_set_accept_state(ssl);
        else
            SSL_set_connect_state(ssl);
        pair->sides[side] = ssl;
    }
    BIO_free(up);
    BIO_free(down);
}

static void close_pair(struct pair *pair)
{
    for (int side = 0; side < 2; side++) {
        SSL_free(pair->sides[side]);
        pair->sides[side] = NULL;
    }
}

static void handshake(struct pair *pair, SSL_CTX *contexts[2])
{
    uint64_t started = nanoseconds(CLOCK_MONOTONIC);
    open_pair(pair, contexts);
    int done[2] = {0, 0};
    for (int turn = 0; turn < ROUND_TRIPS && !(done[0] && done[1]); turn++)
        for (int side = 0; side < 2; side++) {
            if (!done[side]) {
                int result = SSL_do_handshake(pair->sides[side]);
                int error = SSL_get_error(pair->sides[side], result);
                if (result != 1 && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
                    fail("handshake of the %s", side ? "server" : "client");
                done[side] = result == 1;
            }
            uint64_t now = nanoseconds(CLOCK_MONOTONIC);
            pair->spent[side] += now - started;
            started = now;
        }
    if (!done[0] || !done[1])
        fail("the handshake does not end");
}

static void pass(struct pair *pair, int from, const unsigned char *data)
{
    unsigned char received[PAYLOAD + 1];
    uint64_t started = nanoseconds(CLOCK_MONOTONIC);
    if (SSL_write(pair->sides[from], data, PAYLOAD) != PAYLOAD)
        fail("a record was not sent");
    uint64_t between = nanoseconds(CLOCK_MONOTONIC);
    if (SSL_read(pair->sides[!from], received, sizeof received) != PAYLOAD || memcmp(received, data, PAYLOAD) != 0)
        fail("a record did not come");
    pair->spent[from] += between - started;
    pair->spent[!from] += nanoseconds(CLOCK_MONOTONIC) - between;
}

int main(int count, char **arguments)
{
    static const char *SCHEMES[] = {"psk-ccm8", "x509-ccm8", "x509-gcm"};
    enum { SCHEME_COUNT = sizeof SCHEMES / sizeof *SCHEMES };
    SSL_CTX *contexts[SCHEME_COUNT][2];
    struct pair standing[SCHEME_COUNT] = {0};
    unsigned char payload[PAYLOAD];
    if (count != 2)
        fail("needs the folder of keys and certificates");
    for (int index = 0; index < SCHEME_COUNT; index++)
        for (int side = 0; side < 2; side++)
            contexts[index][side] = context(arguments[1], SCHEMES[index], side);
    memset(payload, 7, sizeof payload);
    printf("ready OpenSSL %s\n", OpenSSL_version(OPENSSL_VERSION_STRING));
    fflush(stdout);

    char verb[16], scheme[16];
    unsigned long times;
    while (scanf("%15s %15s %lu", verb, scheme, &times) == 3) {
        int index = 0;
        while (index < SCHEME_COUNT && strcmp(scheme, SCHEMES[index]) != 0)
            index++;
        if (index == SCHEME_COUNT)
            fail("no scheme %s", scheme);
        struct pair fresh = {0};
        struct pair *pair = strcmp(verb, "echo") == 0 ? &standing[index] : &fresh;
        if (pair != &fresh && !pair->sides[0])
            handshake(pair, contexts[index]);
        pair->spent[0] = pair->spent[1] = 0;
        uint64_t before = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
        for (unsigned long one = 0; one < times; one++) {
            if (pair == &fresh) {
                handshake(pair, contexts[index]);
                close_pair(pair);
            } else {
                pass(pair, 0, payload);
                pass(pair, 1, payload);
            }
        }
        uint64_t cpu = nanoseconds(CLOCK_THREAD_CPUTIME_ID) - before;
        printf("spent %llu %llu %llu\n", (unsigned long long)cpu, (unsigned long long)pair->spent[0],
               (unsigned long long)pair->spent[1]);
        fflush(stdout);
    }
    return 0;
}
