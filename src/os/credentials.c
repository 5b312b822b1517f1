/* SPDX-License-Identifier: Apache-2.0 */
#include "os/credentials.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/addr.h"
#include "os/small_file.h"

#define TOKEN_SIZE_MAX 16383
#define CERTIFICATES_MAX 256 /* of a file; OpenSSL needs about 0.3 ms for each */

enum file {
	FILE_CA,
	FILE_CERT,
	FILE_KEY,
	FILE_TOKEN,
};
#define FILE_COUNT (FILE_TOKEN + 1)

/* Any write changes ctime, also one that restores mtime. */
struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
	struct timespec ctime;
};

/* The content of the files. */
struct content {
	SSL_CTX *tls;
	char *authorization; /* NULL without a token */
};

struct credentials {
	const struct conf_apiserver *conf;
	struct content content;		 /* tls is NULL until all files could be read once */
	struct stamp stamps[FILE_COUNT]; /* of the files that content was read from */
	char stale[CREDENTIALS_DETAIL_SIZE];
};

__attribute__((format(printf, 2, 3))) static void describe(char detail[CREDENTIALS_DETAIL_SIZE],
							   const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(detail, CREDENTIALS_DETAIL_SIZE, format, arguments);
	va_end(arguments);
}

/* A key with a passphrase: without this OpenSSL would ask for it on the terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

/* "" for a file that is not wanted. Unverified TLS needs no CA and is given no secret. */
static const char *file_path(const struct conf_apiserver *conf, enum file file)
{
	if (conf->insecure_skip_verify)
		return "";
	switch (file) {
	case FILE_CA:
		return conf->ca_file;
	case FILE_CERT:
		return conf->client_cert_file;
	case FILE_KEY:
		/* kubelet-client-current.pem holds certificate and key. */
		return conf->client_key_file[0] ? conf->client_key_file : conf->client_cert_file;
	case FILE_TOKEN:
		return conf->token_file;
	}
	return "";
}

static struct stamp stamp_read(const char *path)
{
	struct stat st;

	if (path[0] == '\0' || stat(path, &st) < 0)
		return (struct stamp){0};
	return (struct stamp){st.st_dev, st.st_ino, st.st_size, st.st_mtim, st.st_ctim};
}

static bool time_equal(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool stamp_equal(const struct stamp *a, const struct stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       time_equal(&a->mtime, &b->mtime) && time_equal(&a->ctime, &b->ctime);
}

/*
 * Returns 0, -EINVAL if the file cannot be read, or -ENOENT if it is not there: a node has some
 * files only after it has joined its cluster.
 */
static int file_read(const char *path, struct small_file *ret_file,
		     char detail[CREDENTIALS_DETAIL_SIZE])
{
	int error = small_file_read(path, SMALL_FILE_SHARED, ret_file);

	if (error == -ENOENT) {
		describe(detail, "waiting for %s", path);
		return -ENOENT;
	}
	if (error < 0) {
		describe(detail, "%s: %s", path, small_file_error(error));
		return -EINVAL;
	}
	return 0;
}

/* Read-only; the file outlives it. */
static BIO *file_bio(const struct small_file *file)
{
	return BIO_new_mem_buf(file->data, (int)file->size);
}

static bool anchor_take(SSL_CTX *tls, X509 *certificate, int position)
{
	(void)position;
	return X509_STORE_add_cert(SSL_CTX_get_cert_store(tls), certificate) == 1;
}

/* The leaf, and behind it the chain that is sent with it. */
static bool client_cert_take(SSL_CTX *tls, X509 *certificate, int position)
{
	return position == 0 ? SSL_CTX_use_certificate(tls, certificate) == 1
			     : SSL_CTX_add1_chain_cert(tls, certificate) == 1;
}

/* Hands over each certificate of the file. All or none: a file that ends in a broken one is half
 * written. Other parts, as keys, are passed over. */
static int certificates_take(SSL_CTX *tls, const char *path, const struct small_file *file,
			     bool (*take)(SSL_CTX *tls, X509 *certificate, int position),
			     char detail[CREDENTIALS_DETAIL_SIZE])
{
	BIO *bio = file_bio(file);
	bool ok = bio != NULL;
	int count = 0;

	while (ok && count <= CERTIFICATES_MAX) {
		X509 *certificate = PEM_read_bio_X509_AUX(bio, NULL, no_passphrase, NULL);

		if (!certificate)
			break;
		ok = take(tls, certificate, count++);
		X509_free(certificate);
	}
	/* Of the end of the file OpenSSL says that no further part begins. */
	ok = ok && (count > CERTIFICATES_MAX ||
		    ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE);
	BIO_free(bio);
	if (!ok || count == 0) {
		describe(detail, "%s: no certificate in PEM form", path);
		return -EINVAL;
	}
	if (count > CERTIFICATES_MAX) {
		describe(detail, "%s: more than %d certificates", path, CERTIFICATES_MAX);
		return -EINVAL;
	}
	return 0;
}

/* Refuses a key that does not belong to the certificate in use. */
static bool key_use(SSL_CTX *tls, const struct small_file *file)
{
	BIO *bio = file_bio(file);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	bool ok =
		key && SSL_CTX_use_PrivateKey(tls, key) == 1 && SSL_CTX_check_private_key(tls) == 1;

	EVP_PKEY_free(key);
	BIO_free(bio);
	return ok;
}

static int client_cert_load(SSL_CTX *tls, const char *cert, const char *key,
			    char detail[CREDENTIALS_DETAIL_SIZE])
{
	struct small_file cert_file = {0};
	struct small_file key_file = {0};
	int error = file_read(cert, &cert_file, detail);

	if (error == 0)
		error = file_read(key, &key_file, detail);
	if (error == 0)
		error = certificates_take(tls, cert, &cert_file, client_cert_take, detail);
	if (error == 0 && !key_use(tls, &key_file)) {
		describe(detail, "%s: no key in PEM form without passphrase that belongs to %s",
			 key, cert);
		error = -EINVAL;
	}
	small_file_free(&cert_file);
	small_file_free(&key_file);
	return error;
}

static int ca_load(SSL_CTX *tls, const char *path, char detail[CREDENTIALS_DETAIL_SIZE])
{
	struct small_file file = {0};
	int error = file_read(path, &file, detail);

	if (error == 0)
		error = certificates_take(tls, path, &file, anchor_take, detail);
	small_file_free(&file);
	return error;
}

/* Leaves white space at both ends out. False, with the reason, if the rest is no token. */
static bool token_trim(const char *path, const char **token, size_t *size,
		       char detail[CREDENTIALS_DETAIL_SIZE])
{
	while (*size > 0 && isspace((unsigned char)(*token)[*size - 1]))
		(*size)--;
	while (*size > 0 && isspace((unsigned char)**token)) {
		(*token)++;
		(*size)--;
	}
	if (*size == 0) {
		describe(detail, "%s: the token is empty", path);
		return false;
	}
	if (*size > TOKEN_SIZE_MAX) {
		describe(detail, "%s: the token is longer than %d bytes", path, TOKEN_SIZE_MAX);
		return false;
	}
	for (size_t i = 0; i < *size; i++) {
		if (!isgraph((unsigned char)(*token)[i])) {
			describe(detail, "%s: the token holds a space or control character", path);
			return false;
		}
	}
	return true;
}

static int token_load(const char *path, char **ret_authorization,
		      char detail[CREDENTIALS_DETAIL_SIZE])
{
	struct small_file file = {0};
	int error = file_read(path, &file, detail);
	const char *token = file.data;
	size_t size = file.size;

	if (error == 0 && !token_trim(path, &token, &size, detail))
		error = -EINVAL;
	if (error == 0 && asprintf(ret_authorization, "Bearer %.*s", (int)size, token) < 0) {
		describe(detail, "%s", strerror(ENOMEM));
		error = -EINVAL;
	}
	small_file_free(&file);
	return error;
}

/* Verifies server_name: an address among the certificate's addresses, else a DNS name. */
static bool verify_name_set(X509_VERIFY_PARAM *param, const char *name)
{
	struct addr literal;

	if (addr_parse(name, &literal))
		return X509_VERIFY_PARAM_set1_ip(param, literal.bytes, addr_size(literal.family)) ==
		       1;
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(param, name, 0) == 1;
}

static SSL_CTX *tls_new(const struct conf_apiserver *conf)
{
	static const unsigned char alpn[] = "\x08http/1.1";
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
	X509_VERIFY_PARAM *param;

	if (!tls)
		return NULL;
	/* HTTP tells where a response ends, so that one without close_notify can be complete. After
	 * a renegotiation libevent 2.1 could not reset the connection, and would abort the process.
	 */
	SSL_CTX_set_options(tls, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(tls, conf->insecure_skip_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
			   NULL);
	param = SSL_CTX_get0_param(tls);
	/* As in Go's clients any certificate of ca_file is an anchor, an intermediate too. */
	if (X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) != 1 ||
	    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_alpn_protos(tls, alpn, sizeof(alpn) - 1) != 0 ||
	    !verify_name_set(param, conf->server_name)) {
		SSL_CTX_free(tls);
		return NULL;
	}
	return tls;
}

static void content_free(struct content *content)
{
	SSL_CTX_free(content->tls);
	free(content->authorization);
	*content = (struct content){0};
}

static int worse(int error, int other)
{
	static_assert(-EINVAL < -ENOENT, "an unusable file counts more than a missing one");

	return error < other ? error : other;
}

/* Returns 0, -ENOENT if a file is not there yet and all others are usable, or -EINVAL. */
static int content_load(const struct conf_apiserver *conf, struct content *ret_content,
			char detail[CREDENTIALS_DETAIL_SIZE])
{
	const char *cert = file_path(conf, FILE_CERT);
	const char *key = file_path(conf, FILE_KEY);
	const char *token = file_path(conf, FILE_TOKEN);
	const char *ca = file_path(conf, FILE_CA);
	struct content content = {.tls = tls_new(conf)};
	int error = 0;

	if (!content.tls) {
		describe(detail, "cannot set up TLS");
		error = -EINVAL;
	}
	if (error == 0 && cert[0])
		error = client_cert_load(content.tls, cert, key, detail);
	if (error != -EINVAL && token[0])
		error = worse(error, token_load(token, &content.authorization, detail));
	if (error != -EINVAL && !conf->insecure_skip_verify)
		error = worse(error, ca_load(content.tls, ca, detail));
	/* OpenSSL's error queue is the thread's: no error of a file is left for a connection. */
	ERR_clear_error();
	assert(error == 0 || error == -ENOENT || error == -EINVAL);
	if (error < 0)
		content_free(&content);
	else
		*ret_content = content;
	return error;
}

void credentials_init_library(void)
{
	OPENSSL_init_ssl(0, NULL);
}

int credentials_check(const struct conf_apiserver *conf, char detail[CREDENTIALS_DETAIL_SIZE])
{
	struct content content = {0};
	int error;

	detail[0] = '\0';
	if (conf->client_key_file[0] && !conf->client_cert_file[0]) {
		describe(detail, "client_key_file is of no use without client_cert_file");
		return -EINVAL;
	}
	error = content_load(conf, &content, detail);
	content_free(&content);
	return error == -ENOENT ? 0 : error;
}

int credentials_new(const struct conf_apiserver *conf, struct credentials **ret_credentials)
{
	struct credentials *credentials = calloc(1, sizeof(*credentials));

	if (!credentials)
		return -ENOMEM;
	credentials->conf = conf;
	*ret_credentials = credentials;
	return 0;
}

void credentials_free(struct credentials *credentials)
{
	if (!credentials)
		return;
	content_free(&credentials->content);
	free(credentials);
}

/* Takes the stamps first: files that change while they are read differ from them next time. */
int credentials_refresh(struct credentials *credentials, char detail[CREDENTIALS_DETAIL_SIZE])
{
	struct stamp stamps[FILE_COUNT];
	struct content content;
	bool changed = credentials->content.tls == NULL;
	int error;

	credentials->stale[0] = '\0';
	for (unsigned i = 0; i < FILE_COUNT; i++) {
		stamps[i] = stamp_read(file_path(credentials->conf, i));
		changed = changed || !stamp_equal(&stamps[i], &credentials->stamps[i]);
	}
	if (!changed)
		return 0;
	error = content_load(credentials->conf, &content, detail);
	if (error < 0 && !credentials->content.tls)
		return error;
	if (error < 0) {
		describe(credentials->stale, "%s; what was read before stays in use", detail);
		return 0;
	}
	content_free(&credentials->content);
	credentials->content = content;
	memcpy(credentials->stamps, stamps, sizeof(stamps));
	return 1;
}

const char *credentials_stale(const struct credentials *credentials)
{
	return credentials->stale;
}

SSL *credentials_ssl(const struct credentials *credentials)
{
	char name[CONF_HOST_SIZE]; /* SSL_set_tlsext_host_name() takes no const */
	struct addr literal;
	SSL *ssl;

	assert(credentials->content.tls);
	snprintf(name, sizeof(name), "%s", credentials->conf->server_name);
	ssl = SSL_new(credentials->content.tls);
	/* RFC 6066 3: no address in SNI. */
	if (ssl && !addr_parse(name, &literal))
		SSL_set_tlsext_host_name(ssl, name);
	return ssl;
}

const char *credentials_authorization(const struct credentials *credentials)
{
	assert(credentials->content.tls);
	return credentials->content.authorization;
}
