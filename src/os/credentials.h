/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of the `apiserver` section as the probe needs them: a TLS context that trusts ca_file
 * and holds the client certificate, and the value of the Authorization header. Whoever holds the
 * credentials asks before each attempt whether the files have changed. Files that cannot be used
 * any more (half written, certificate and key of different times, deleted, no regular file) do not
 * take away what was read from them before.
 */
#ifndef CPVRRP_OS_CREDENTIALS_H
#define CPVRRP_OS_CREDENTIALS_H

#include <openssl/types.h>

#include "conf/conf.h"

#define CREDENTIALS_DETAIL_SIZE 512 /* CONF_PATH_SIZE and a sentence */

struct credentials;

/* OpenSSL reads files of its own when it is first used, which may be after confine(). */
void credentials_init_library(void);

/*
 * FAIL CLOSED: whether the files that conf names can be used. A file that is missing is no error,
 * as it may come when the node joins its cluster; a file that holds no certificate is. Returns 0 or
 * -EINVAL. detail says in one line what is wrong or missing, "" if nothing is.
 */
int credentials_check(const struct conf_apiserver *conf, char detail[CREDENTIALS_DETAIL_SIZE]);

/* Reads nothing yet. conf has to outlive the credentials. Returns 0 or -ENOMEM. */
int credentials_new(const struct conf_apiserver *conf, struct credentials **ret_credentials);
/* NULL is allowed. */
void credentials_free(struct credentials *credentials);

/*
 * Reads the files again if one of them has changed. Returns 1 if the credentials are new and held
 * connections stand for old ones; 0 if they are as before; and while there have never been any,
 * -ENOENT if a file is still missing and all others can be used, or -EINVAL, with the reason in
 * detail.
 */
int credentials_refresh(struct credentials *credentials, char detail[CREDENTIALS_DETAIL_SIZE]);

/* Why the files cannot be used although their earlier content is; "" if they can. */
const char *credentials_stale(const struct credentials *credentials);

/* From here on only once credentials_refresh() has succeeded. */

/* For one connection: server_name is verified, and sent as SNI. Returns NULL without memory. */
SSL *credentials_ssl(const struct credentials *credentials);

/* The value of the Authorization header, NULL without token_file. */
const char *credentials_authorization(const struct credentials *credentials);

#endif
