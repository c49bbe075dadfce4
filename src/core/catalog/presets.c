/* SPDX-License-Identifier: Apache-2.0 */
#include "core/catalog/presets.h"

struct preset {
	const char *name, *says;
	const char *effects[SERVICE_DESTRUCTIVE + 1]; /* by enum service_effect */
};

static const struct preset presets[] = {
#define PRESET(name, says, read, write, destroy) { name, says, { NULL, read, write, destroy } },
#define AT_LEAST(service, tool, effect)
#include "core/catalog/presets.def"
#undef PRESET
#undef AT_LEAST
};

static const struct {
	const char *service, *tool, *effect;
} least[] = {
#define PRESET(name, says, read, write, destroy)
#define AT_LEAST(service, tool, effect) { service, tool, effect },
#include "core/catalog/presets.def"
#undef PRESET
#undef AT_LEAST
};

const struct preset *presets_find(struct bytes name)
{
	for (size_t i = 0; i < ARRAY_LEN(presets); i++)
		if (bytes_is(name, presets[i].name))
			return &presets[i];
	return NULL;
}

const struct preset *presets_at(size_t n)
{
	return n < ARRAY_LEN(presets) ? &presets[n] : NULL;
}

const char *presets_name(const struct preset *preset)
{
	return preset->name;
}

const char *presets_says(const struct preset *preset)
{
	return preset->says;
}

/* From open to strict. */
static size_t strictness(const char *effect)
{
	static const char *const effects[] = { "allow", "approve", "step_up" };
	size_t i = 0;

	while (i < ARRAY_LEN(effects) && strcmp(effects[i], effect) != 0)
		i++;
	return i;
}

const char *presets_effect(const struct preset *preset, const struct service *service,
			   const struct service_tool *tool)
{
	const char *effect = preset->effects[tool->effect];

	for (size_t i = 0; i < ARRAY_LEN(least); i++)
		if (strcmp(least[i].service, service->id) == 0 &&
		    bytes_is(tool->name, least[i].tool) &&
		    strictness(least[i].effect) > strictness(effect))
			effect = least[i].effect;
	return effect;
}

void presets_print(const struct preset *preset, const struct service *service, struct dynbuf *out)
{
	dynbuf_printf(
		out, "  %s:\n    exchange: {effect: block}\n    proxy: block\n    default: block\n",
		service->id);
	if (service->tools_n > 0)
		dynbuf_str(out, "    tools:\n");
	for (size_t i = 0; i < service->tools_n; i++) {
		const struct service_tool *tool = &service->tools[i];
		dynbuf_str(out, "      ");
		dynbuf_bytes(out, tool->name);
		dynbuf_printf(out, ": %s\n", presets_effect(preset, service, tool));
	}
}
