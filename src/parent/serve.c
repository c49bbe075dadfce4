/* SPDX-License-Identifier: Apache-2.0 */
#include "parent/serve.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "codec/uri.h"
#include "crypto/crypto.h"
#include "parent/listen.h"
#include "parent/supervise.h"

enum { EXIT_USAGE = 2, HELP_MAX = 64 * 1024, ISSUER_MAX = 512, BIND_TRIES = 40 };

static const char serve_usage[] =
	"usage: valetkey serve --data DIR [--config FILE] [--listen ADDR:PORT]... [--issuer URL]\n"
	"                      [--key-file FILE] [--behind-proxy]\n"
	"       valetkey serve --help-config\n"
	"\n"
	"Runs the daemon on a data directory that 'valetkey init' made. --data may also come from\n"
	"VALETKEY_DATA. What the command line says wins over the configuration file.\n";

struct serve {
	const struct serve_options *options;
	struct config config; /* the file and the command line together */
	struct place place;
	struct secret *gate_key, *courier_key;
	struct supervise_plan plan;
	struct listen_address addresses[SUPERVISE_LISTENERS_MAX];
	size_t addresses_n;
	char issuer[ISSUER_MAX], key_file[PATH_MAX];
};

__attribute__((format(printf, 1, 2))) static int fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("valetkey serve: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return EXIT_FAILURE;
}

static int help_config(void)
{
	struct dynbuf out;

	dynbuf_init(&out, HELP_MAX);
	config_help(&out);
	const size_t n = fwrite(out.p, 1, out.n, stdout);
	const bool whole = n == out.n && dynbuf_err(&out) == OK;
	dynbuf_done(&out);
	return whole ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Options of one word, and of a word and its value. */
static const struct option_row {
	const char *name;
	enum config_key key;
	const char *switch_value; /* NULL: a value follows */
} option_rows[] = {
	{ "--listen", CONFIG_LISTEN, NULL },
	{ "--issuer", CONFIG_ISSUER, NULL },
	{ "--key-file", CONFIG_KEY_FILE, NULL },
	{ "--behind-proxy", CONFIG_BEHIND_PROXY, "true" },
};

static enum err take_option(struct config *config, const struct option_row *row, const char *value)
{
	if (row->key == CONFIG_LISTEN && config_has(config, CONFIG_LISTEN))
		return config_add(config, CONFIG_LISTEN, str(value));
	return config_set(config, row->key, str(value));
}

static const struct option_row *option_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(option_rows); i++)
		if (strcmp(option_rows[i].name, name) == 0)
			return &option_rows[i];
	return NULL;
}

int serve_parse(int argc, char **argv, const char *usage, struct serve_options *ret)
{
	for (int i = 0; i < argc; i++) {
		const struct option_row *row = option_find(argv[i]);
		const char *value = row != NULL && row->switch_value != NULL ? row->switch_value
				    : i + 1 < argc			     ? argv[i + 1]
									     : NULL;
		if (strcmp(argv[i], "--help-config") == 0)
			return help_config();
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return fputs(usage, stdout) >= 0 ? EXIT_SUCCESS : EXIT_FAILURE;
		if (strcmp(argv[i], "--data") == 0 && value != NULL)
			ret->data = argv[++i];
		else if (strcmp(argv[i], "--config") == 0 && value != NULL)
			ret->config_file = argv[++i];
		else if (row != NULL && value != NULL &&
			 take_option(&ret->config, row, value) == OK)
			i += row->switch_value == NULL;
		else
			return (void)fprintf(stderr, "valetkey: %s is not understood here\n%s",
					     argv[i], usage),
			       EXIT_USAGE;
	}
	return -1;
}

/* The command line over the file. */
static enum err config_join(struct serve *serve, struct complaint *complaint)
{
	const struct config *over = &serve->options->config;

	if (serve->options->config_file != NULL)
		TRY(config_load(&serve->config, serve->options->config_file, complaint));
	for (enum config_key key = 0; key < CONFIG_COUNT; key++) {
		if (!config_has(over, key))
			continue;
		/* The demo adds to what the file allows. */
		if (key != CONFIG_EGRESS_ALLOW)
			buf_free(&serve->config.values[key]);
		struct bytes rest = config_text(over, key), item;
		if (key != CONFIG_EGRESS_ALLOW && key != CONFIG_LISTEN)
			TRY(buf_dup(rest, &serve->config.values[key]));
		else
			while ((item = config_item(&rest)).p != NULL)
				TRY(config_add(&serve->config, key, item));
	}
	return OK;
}

static int addresses_take(struct serve *serve)
{
	static const char otherwise[] = "127.0.0.1:7070\n[::1]:7070\n";
	const struct config *config = &serve->config;
	const bool covered = config_has(config, CONFIG_TLS_CERTIFICATE) ||
			     config_true(config, CONFIG_BEHIND_PROXY) ||
			     config_text(config, CONFIG_TRUSTED_PROXIES).n > 0;
	struct bytes rest = config_text(config, CONFIG_LISTEN), item;

	if (rest.n == 0)
		rest = str(otherwise);
	while ((item = config_item(&rest)).p != NULL) {
		struct listen_address *address = &serve->addresses[serve->addresses_n];
		const int n = (int)item.n;
		const char *text = (const char *)item.p;
		if (serve->addresses_n == SUPERVISE_LISTENERS_MAX)
			return fail("listen names more than %d addresses", SUPERVISE_LISTENERS_MAX);
		if (listen_parse(item, address) != OK)
			return fail("listen: '%.*s' is not ADDR:PORT with a numeric address, like "
				    "127.0.0.1:7070 or [::1]:7070",
				    n, text);
		if (!listen_loopback(address) && !covered)
			return fail(
				"'%.*s' can be reached from other machines: name tls.certificate "
				"and tls.key in the configuration, or say --behind-proxy if a "
				"proxy in front speaks TLS",
				n, text);
		serve->addresses_n++;
	}
	return EXIT_SUCCESS;
}

static int issuer_take(struct serve *serve)
{
	const struct bytes said = config_text(&serve->config, CONFIG_ISSUER);
	struct uri uri;

	if (said.n == 0) {
		snprintf(serve->issuer, sizeof serve->issuer, "%s://localhost:%u/",
			 config_has(&serve->config, CONFIG_TLS_CERTIFICATE) ? "https" : "http",
			 listen_port(&serve->addresses[0]));
		return EXIT_SUCCESS;
	}
	if (bytes_str(said, serve->issuer, sizeof serve->issuer) != OK ||
	    uri_parse(said, &uri) != OK || said.p[said.n - 1] != '/')
		return fail("the issuer '%.*s' is not a URL that ends with a slash, like "
			    "https://keys.example.org/",
			    (int)said.n, (const char *)said.p);
	return EXIT_SUCCESS;
}

static int settings_check(struct serve *serve)
{
	if (config_has(&serve->config, CONFIG_TLS_CERTIFICATE) !=
	    config_has(&serve->config, CONFIG_TLS_KEY))
		return fail("tls.certificate and tls.key go together: name both or none");
	const int status = addresses_take(serve);
	return status != EXIT_SUCCESS ? status : issuer_take(serve);
}

static int place_take(struct serve *serve)
{
	const char *data = serve->options->data;

	switch ((int)place_open(data, &serve->place)) {
	case OK:
		return EXIT_SUCCESS;
	case ERR_NOT_FOUND:
		return fail("%s was not initialised; run: valetkey init --data %s", data, data);
	case ERR_DENIED:
		return fail("%s belongs to somebody else; run this as its owner", data);
	case ERR_CONFLICT:
		return fail("another daemon is running on %s; end that one first", data);
	default:
		return fail("%s cannot be opened: %m", data);
	}
}

/* An earlier daemon's gate may hold the address for the moment that it needs to end. */
static enum err listen_open_soon(const struct listen_address *address, int *ret)
{
	const struct timespec moment = { .tv_nsec = 50 * 1000 * 1000 };
	enum err err = listen_open(address, ret);

	for (int i = 0; err == ERR_EXISTS && i < BIND_TRIES; i++) {
		nanosleep(&moment, NULL);
		err = listen_open(address, ret);
	}
	return err;
}

static int listeners_open(struct serve *serve)
{
	struct supervise_plan *plan = &serve->plan;
	const bool chosen = config_has(&serve->config, CONFIG_LISTEN);

	for (size_t i = 0; i < serve->addresses_n; i++) {
		int *to = &plan->listeners[plan->listeners_n];
		const enum err err = listen_open_soon(&serve->addresses[i], to);
		const unsigned port = listen_port(&serve->addresses[i]);
		if (err == OK)
			plan->listeners_n++;
		else if (err == ERR_EXISTS)
			return fail(
				"port %u is in use by another program; choose one with --listen",
				port);
		else if (chosen || err != ERR_NOT_FOUND) /* a machine need not have ::1 */
			return fail("cannot listen on port %u: %m", port);
	}
	if (plan->listeners_n == 0)
		return fail("none of the addresses is one of this machine");
	if (place_listen(&serve->place, &plan->unseal) != OK)
		return fail("cannot make run/unseal.sock in %s: %m", serve->place.path);
	return EXIT_SUCCESS;
}

static enum err random_key(struct secret **ret)
{
	TRY(secret_new(HASH_LEN, ret));
	rng_fill(secret_fill(*ret), HASH_LEN);
	return OK;
}

/* For service managers that wait for it (sd_notify(3)). */
static void notify_manager(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	static const char ready[] = "READY=1";

	if (path == NULL || (path[0] != '/' && path[0] != '@') ||
	    strlen(path) >= sizeof to.sun_path)
		return;
	const size_t n = strlen(path);
	memcpy(to.sun_path, path, n);
	if (path[0] == '@')
		to.sun_path[0] = 0;
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, ready, sizeof ready - 1, MSG_NOSIGNAL, (const struct sockaddr *)&to,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	close(fd);
}

static void on_serving(void *ctx)
{
	const struct serve *serve = ctx;

	if (place_tell(&serve->place, serve->issuer) != OK)
		log_warn("run/client.json could not be written");
	log_info("serving %s", serve->issuer);
	if (serve->options->greeter == NULL)
		printf("Valetkey serves %s\n", serve->issuer);
	fflush(stdout);
	notify_manager();
}

static int witness_open(struct serve *serve)
{
	const struct bytes path = config_text(&serve->config, CONFIG_LOG_WITNESS_PATH);
	char name[PATH_MAX];

	if (path.n == 0)
		return EXIT_SUCCESS;
	if (bytes_str(path, name, sizeof name) != OK)
		return fail("the path of log.witness_path is too long");
	serve->plan.witness = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (serve->plan.witness < 0)
		return fail(
			"log.witness_path %s cannot be opened: %m; make the directory, or mount it",
			name);
	return EXIT_SUCCESS;
}

static int plan_make(struct serve *serve)
{
	const struct bytes key_file = config_text(&serve->config, CONFIG_KEY_FILE);
	const char *file;

	if (key_file.n == 0)
		snprintf(serve->key_file, sizeof serve->key_file, "%s", serve->place.key_file);
	else if (bytes_str(key_file, serve->key_file, sizeof serve->key_file) != OK)
		return fail("the path of key_file is too long");
	if (witness_open(serve) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (random_key(&serve->gate_key) != OK || random_key(&serve->courier_key) != OK)
		return fail("no memory can be locked for keys: see 'ulimit -l'");
	struct supervise_plan *plan = &serve->plan;
	plan->boot = (struct boot_facts){ .config = &serve->config,
					  .issuer = serve->issuer,
					  .data = serve->place.path,
					  .gate_key = serve->gate_key,
					  .courier_key = serve->courier_key };
	sandbox_look(&plan->boot.sandbox);
	plan->place = &serve->place;
	plan->key_file = serve->key_file;
	plan->sandbox_listen = serve->options->sandbox_listen;
	plan->greeter = serve->options->greeter;
	plan->serving = on_serving;
	plan->ctx = serve;
	if (!plan->boot.sandbox.seccomp)
		return fail("this kernel has no seccomp; nothing is served without it");
	for (enum role role = ROLE_GATE; role < ROLE_COUNT; role++) {
		const enum err err = boot_check(&plan->boot, role, &file);
		if (err != OK)
			return fail("%s cannot be used: %s",
				    file != NULL ? file : "the configuration", err_row(err)->says);
	}
	return EXIT_SUCCESS;
}

static void limits_raise(void)
{
	static const __rlimit_resource_t which[] = { RLIMIT_NOFILE, RLIMIT_MEMLOCK };
	struct rlimit limit;

	for (size_t i = 0; i < ARRAY_LEN(which); i++) {
		if (getrlimit(which[i], &limit) != 0)
			continue;
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(which[i], &limit);
	}
}

static int serve_steps(struct serve *serve)
{
	struct complaint complaint = { 0 };

	if (config_join(serve, &complaint) != OK) {
		fprintf(stderr, "%s\n", complaint.text);
		return EXIT_USAGE;
	}
	int status = settings_check(serve);
	if (status != EXIT_SUCCESS)
		return status;
	log_init("parent", config_log_level(&serve->config));
	status = place_take(serve);
	if (status == EXIT_SUCCESS)
		status = plan_make(serve);
	if (status == EXIT_SUCCESS)
		status = listeners_open(serve);
	return status != EXIT_SUCCESS ? status : supervise(&serve->plan);
}

static void serve_done(struct serve *serve)
{
	for (size_t i = 0; i < serve->plan.listeners_n; i++)
		close(serve->plan.listeners[i]);
	if (serve->plan.unseal >= 0)
		close(serve->plan.unseal);
	if (serve->plan.witness >= 0)
		close(serve->plan.witness);
	secret_free(&serve->gate_key);
	secret_free(&serve->courier_key);
	place_close(&serve->place);
	config_done(&serve->config);
}

int serve_run(const struct serve_options *options)
{
	struct serve *serve = calloc(1, sizeof *serve);

	if (serve == NULL || crypto_init() != OK)
		return fail("the machine gives no memory or no randomness");
	serve->options = options;
	serve->plan.unseal = -1;
	serve->plan.witness = -1;
	serve->place = PLACE_NONE;
	umask(077);
	limits_raise();
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	const int status = serve_steps(serve);
	serve_done(serve);
	free(serve);
	return status;
}

int serve_main(int argc, char **argv)
{
	struct serve_options options = { .data = getenv("VALETKEY_DATA") };

	int status = serve_parse(argc, argv, serve_usage, &options);
	if (status < 0 && options.data == NULL) {
		fprintf(stderr, "valetkey serve: name the data directory with --data DIR\n%s",
			serve_usage);
		status = EXIT_USAGE;
	}
	if (status < 0)
		status = serve_run(&options);
	config_done(&options.config);
	return status;
}
