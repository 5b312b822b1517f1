/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The static pod for a configuration, by which a kubelet runs cpvrrp as doc/cpvrrp.8 says. Only for
 * the command line; the daemon knows nothing of pods.
 */
#ifndef CPVRRP_DAEMON_MANIFEST_H
#define CPVRRP_DAEMON_MANIFEST_H

#include <stdbool.h>
#include <stdio.h>

#include "conf/file.h"

#define MANIFEST_IMAGE "localhost/cpvrrp:" VERSION

struct manifest {
	const struct conf *conf;
	const struct conf_source *source; /* its path is one on the nodes; so socket_path */
	const char *socket_path;	  /* NULL = that of the configuration */
	const char *image;
};

/*
 * Writes the pod as YAML to stream. False, with nothing written to it and a line for each reason
 * written to errors, if a path or the image has no place in a pod.
 */
bool manifest_print(const struct manifest *manifest, FILE *stream, FILE *errors);

#endif
