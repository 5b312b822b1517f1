/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/manifest.h"

#include <assert.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

/* HANDOVER lasts for one advertisement interval; a busy node needs more to begin and to end it. */
#define GRACE_MARGIN_S 5

#define TRACKED_MAX 16 /* directories of track_file */
#define MOUNTS_MAX (6 + TRACKED_MAX)

struct mount {
	char name[16];	  /* of the volume */
	const char *type; /* of HostPathVolumeSource */
	bool writable;
	bool alone;  /* the file, without its directory */
	bool appear; /* the file may be made later, so only its directory will do */
	char path[CONF_PATH_SIZE];
};

struct pod {
	FILE *errors;
	bool refused;
	size_t mount_count;
	struct mount mounts[MOUNTS_MAX];
};

__attribute__((format(printf, 2, 3))) static void refuse(struct pod *pod, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(pod->errors, format, arguments);
	va_end(arguments);
	fputc('\n', pod->errors);
	pod->refused = true;
}

static bool is_utf8(const char *text)
{
	json_t *string = json_string(text);

	json_decref(string);
	return string != NULL;
}

/* ValidateVolumes of Kubernetes refuses ".." in a hostPath and ":" in a mountPath. */
static const char *path_fault(const char *path)
{
	if (*path != '/')
		return "must be an absolute path, the one on the nodes";
	if (strlen(path) >= CONF_PATH_SIZE)
		return "is too long";
	if (!is_utf8(path))
		return "is not UTF-8, as YAML has to be";
	if (strchr(path, ':'))
		return "has a colon, which a mount in a pod must not have";
	for (const char *part = path; part; part = strchr(part + 1, '/'))
		if (strncmp(part, "/..", 3) == 0 && (part[3] == '/' || !part[3]))
			return "has the component .., which a mount in a pod must not have";
	return NULL;
}

/* Without empty components and ".", so that equal paths are equal text. */
static void clean_path(const char *path, char clean[CONF_PATH_SIZE])
{
	size_t size = 0;

	while (*path) {
		size_t length = strcspn(path + 1, "/") + 1;

		if (length > 1 && !(length == 2 && path[1] == '.')) {
			memcpy(clean + size, path, length);
			size += length;
		}
		path += length;
	}
	clean[size] = '\0';
}

/* Whether a clean path is below a directory of the root: "/etc/cpvrrp/cpvrrp.conf". */
static bool has_own_directory(const char *path)
{
	const char *second = *path ? strchr(path + 1, '/') : NULL;

	return second && strchr(second + 1, '/');
}

/*
 * Mounts the directory of a file: programs that write a file anew rename it, and a mount of the
 * file itself would keep the old one. A directory of the host's root, such as /etc, holds much that
 * the pod must not see; there the file itself is mounted.
 */
static void mount_for(struct pod *pod, const struct mount *mount, const char *option,
		      const char *file)
{
	struct mount *new = &pod->mounts[pod->mount_count];
	const char *fault = path_fault(file);

	assert(pod->mount_count < MOUNTS_MAX);
	if (fault) {
		refuse(pod, "%s: %s %s", option, file, fault);
		return;
	}
	*new = *mount;
	clean_path(file, new->path);
	if (!mount->alone && has_own_directory(new->path)) {
		*strrchr(new->path, '/') = '\0';
	} else if (!mount->writable && !mount->appear) {
		new->type = "File";
	} else {
		refuse(pod, "%s: %s is not in a directory of its own, and a pod must not have %s",
		       option, file, "the one it is in");
		return;
	}
	pod->mount_count++;
}

/* Whether both are in one directory. */
static bool is_beside(const char *file, const char *other)
{
	char path[CONF_PATH_SIZE], other_path[CONF_PATH_SIZE];
	const char *slash;

	clean_path(file, path);
	clean_path(other, other_path);
	slash = strrchr(path, '/');
	return slash && strncmp(path, other_path, (size_t)(slash - path) + 1) == 0 &&
	       !strchr(other_path + (slash - path) + 1, '/');
}

/*
 * Where the certificate of the CA is, there is its key, too: of that directory the pod sees the
 * named files alone. kubeadm writes them in place, before it starts the kubelet. Other files may
 * not be there yet, and the daemon waits for them.
 */
static void mount_credentials(struct pod *pod, const struct conf_apiserver *apiserver)
{
	const char *ca = apiserver->insecure_skip_verify ? "" : apiserver->ca_file;
	const struct {
		const char *name;
		const char *option;
		const char *file;
	} files[] = {
		{"ca", "ca_file", ca},
		{"client-cert", "client_cert_file", apiserver->client_cert_file},
		{"client-key", "client_key_file", apiserver->client_key_file},
		{"token", "token_file", apiserver->token_file},
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct mount mount = {
			.type = "DirectoryOrCreate",
			.alone = *ca && is_beside(files[i].file, ca),
		};

		snprintf(mount.name, sizeof(mount.name), "%s", files[i].name);
		if (*files[i].file)
			mount_for(pod, &mount, files[i].option, files[i].file);
	}
}

/* Whether the clean path of the last mount is that of another one already. */
static bool is_mounted(const struct pod *pod)
{
	const struct mount *last = &pod->mounts[pod->mount_count - 1];

	for (const struct mount *mount = pod->mounts; mount < last; mount++)
		if (strcmp(mount->path, last->path) == 0)
			return true;
	return false;
}

/* The directories of the files that take the node out of service. */
static void mount_tracked(struct pod *pod, const struct conf *conf)
{
	struct mount mount = {.type = "DirectoryOrCreate", .appear = true};
	unsigned count = 0;

	for (size_t i = 0; i < conf->instance_count; i++) {
		const struct conf_instance *instance = &conf->instances[i];

		for (size_t j = 0; j < instance->track_file_count; j++) {
			if (count == TRACKED_MAX) {
				refuse(pod, "track_file: the pod can mount %d directories",
				       TRACKED_MAX);
				return;
			}
			snprintf(mount.name, sizeof(mount.name), "track-%u", count);
			mount_for(pod, &mount, "track_file", instance->track_files[j]);
			if (pod->refused)
				return;
			if (is_mounted(pod))
				pod->mount_count--;
			else
				count++;
		}
	}
}

static bool is_within(const struct mount *inner, const struct mount *outer)
{
	size_t length = strlen(outer->path);

	return strncmp(inner->path, outer->path, length) == 0 &&
	       (inner->path[length] == '/' || !inner->path[length]) &&
	       (outer->writable || !inner->writable);
}

/* A mount within another that shows the same is left out: its mount point might have to be made in
 * a directory that is mounted read-only. */
static bool is_needed(const struct pod *pod, size_t index)
{
	const struct mount *mount = &pod->mounts[index];

	for (size_t i = 0; i < pod->mount_count; i++) {
		const struct mount *other = &pod->mounts[i];

		if (i != index && is_within(mount, other) &&
		    (i < index || !is_within(other, mount)))
			return false;
	}
	return true;
}

static const char *socket_path(const struct manifest *manifest)
{
	return manifest->socket_path ? manifest->socket_path : manifest->conf->control_socket;
}

static void mount_all(struct pod *pod, const struct manifest *manifest)
{
	static const struct mount config = {.name = "config", .type = "Directory"};
	static const struct mount control = {
		.name = "control", .type = "DirectoryOrCreate", .writable = true};

	if (!manifest->source->vip)
		mount_for(pod, &config, "--config", manifest->source->path);
	mount_for(pod, &control, manifest->socket_path ? "--socket" : "control_socket",
		  socket_path(manifest));
	if (conf_tracks_apiserver(manifest->conf))
		mount_credentials(pod, &manifest->conf->apiserver);
	mount_tracked(pod, manifest->conf);
}

/* The next character of text, which is UTF-8. */
static uint32_t next_character(const char **text)
{
	uint32_t character = (unsigned char)*(*text)++;
	int more = character < 0xc0 ? 0 : character < 0xe0 ? 1 : character < 0xf0 ? 2 : 3;

	if (more)
		character &= 0x3fU >> more;
	while (more-- > 0)
		character = character << 6 | ((unsigned char)*(*text)++ & 0x3fU);
	return character;
}

/* A double-quoted scalar in ASCII: no other kind takes every string (YAML 1.2, 7.3). */
static void put_quoted(FILE *out, const char *before, const char *text)
{
	fprintf(out, "%s\"", before);
	while (*text) {
		uint32_t character = next_character(&text);

		if (character == '"' || character == '\\')
			fprintf(out, "\\%c", (char)character);
		else if (character >= ' ' && character < 0x7f)
			fputc((char)character, out);
		else
			fprintf(out, "\\U%08X", character);
	}
	fputs("\"\n", out);
}

static unsigned grace_s(const struct conf *conf)
{
	unsigned longest_cs = 0;

	for (size_t i = 0; i < conf->instance_count; i++)
		if (conf->instances[i].advert_int_cs > longest_cs)
			longest_cs = conf->instances[i].advert_int_cs;
	return (longest_cs + 99) / 100 + GRACE_MARGIN_S;
}

/*
 * The numeric priority is given because no admission controller sees a static pod, and by it a
 * kubelet orders the shutdown of a node. There is no limit: one on the CPU would stop the loop for
 * the rest of a period, one on memory would let the kernel kill the holder of the address.
 */
static void put_head(FILE *out, const struct manifest *manifest)
{
	fputs("# For the kubelet's staticPodPath, /etc/kubernetes/manifests with kubeadm.\n"
	      "apiVersion: v1\n"
	      "kind: Pod\n"
	      "metadata:\n"
	      "  name: cpvrrp\n"
	      "  namespace: kube-system\n"
	      "  labels:\n"
	      "    app.kubernetes.io/name: cpvrrp\n"
	      "    component: cpvrrp\n"
	      "    tier: control-plane\n"
	      "spec:\n"
	      "  hostNetwork: true\n"
	      "  dnsPolicy: Default\n"
	      "  priority: 2000001000\n"
	      "  priorityClassName: system-node-critical\n",
	      out);
	fprintf(out, "  terminationGracePeriodSeconds: %u\n", grace_s(manifest->conf));
	fputs("  securityContext:\n"
	      "    seccompProfile:\n"
	      "      type: RuntimeDefault\n",
	      out);
}

/* The log's last lines tell of a mistake in the file; kubectl describe shows them then. The
 * socket's path is an argument of both, so that a changed file cannot part the two. */
static void put_commands(FILE *out, const struct manifest *manifest)
{
	const struct conf_source *source = manifest->source;

	put_quoted(out, "    image: ", manifest->image);
	fputs("    imagePullPolicy: IfNotPresent\n"
	      "    terminationMessagePolicy: FallbackToLogsOnError\n"
	      "    command:\n"
	      "    - cpvrrp\n",
	      out);
	fprintf(out, "    - %s\n", source->vip ? "--vip" : "--config");
	put_quoted(out, "    - ", source->vip ? source->vip : source->path);
	fputs("    - --socket\n", out);
	put_quoted(out, "    - ", socket_path(manifest));
	if (manifest->conf->metrics_port)
		fprintf(out, "    ports:\n    - name: metrics\n      containerPort: %u\n",
			manifest->conf->metrics_port);
	fputs("    livenessProbe:\n"
	      "      exec:\n"
	      "        command:\n"
	      "        - cpvrrp\n"
	      "        - --ready\n"
	      "        - --socket\n",
	      out);
	put_quoted(out, "        - ", socket_path(manifest));
	fputs("      initialDelaySeconds: 10\n"
	      "      periodSeconds: 10\n"
	      "      timeoutSeconds: 15\n"
	      "      failureThreshold: 8\n",
	      out);
}

/*
 * SYS_NICE is for real time, and given up with everything else. A daemon that cannot start writes
 * why to its log; as a termination message it is in `kubectl describe pod`.
 */
static void put_container(FILE *out, const struct manifest *manifest)
{
	fputs("  containers:\n"
	      "  - name: cpvrrp\n",
	      out);
	put_commands(out, manifest);
	fputs("    resources:\n"
	      "      requests:\n"
	      "        cpu: 50m\n"
	      "        memory: 16Mi\n"
	      "    securityContext:\n"
	      "      runAsUser: 0\n"
	      "      runAsGroup: 0\n"
	      "      allowPrivilegeEscalation: false\n"
	      "      readOnlyRootFilesystem: true\n"
	      "      capabilities:\n"
	      "        drop:\n"
	      "        - ALL\n"
	      "        add:\n"
	      "        - NET_ADMIN\n"
	      "        - NET_RAW\n"
	      "        - SYS_NICE\n",
	      out);
}

static void put_mounts(FILE *out, const struct pod *pod)
{
	fputs("    volumeMounts:\n", out);
	for (size_t i = 0; i < pod->mount_count; i++) {
		const struct mount *mount = &pod->mounts[i];

		if (!is_needed(pod, i))
			continue;
		fprintf(out, "    - name: %s\n", mount->name);
		put_quoted(out, "      mountPath: ", mount->path);
		fprintf(out, "      readOnly: %s\n", mount->writable ? "false" : "true");
	}
	fputs("  volumes:\n", out);
	for (size_t i = 0; i < pod->mount_count; i++) {
		const struct mount *mount = &pod->mounts[i];

		if (!is_needed(pod, i))
			continue;
		fprintf(out, "  - name: %s\n    hostPath:\n", mount->name);
		put_quoted(out, "      path: ", mount->path);
		fprintf(out, "      type: %s\n", mount->type);
	}
}

bool manifest_print(const struct manifest *manifest, FILE *stream, FILE *errors)
{
	struct pod pod = {.errors = errors};

	mount_all(&pod, manifest);
	if (!*manifest->image || !is_utf8(manifest->image))
		refuse(&pod, "--image: %s is not the name of an image", manifest->image);
	if (pod.refused)
		return false;
	put_head(stream, manifest);
	put_container(stream, manifest);
	put_mounts(stream, &pod);
	return true;
}
