/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire.h"

#include <assert.h>
#include <string.h>

uint8_t wire_read_u8(struct wire_reader *r)
{
	const uint8_t *bytes = wire_read_bytes(r, 1);

	return bytes ? bytes[0] : 0;
}

uint16_t wire_read_u16(struct wire_reader *r)
{
	const uint8_t *bytes = wire_read_bytes(r, 2);

	if (!bytes)
		return 0;
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

const uint8_t *wire_read_bytes(struct wire_reader *r, size_t size)
{
	const uint8_t *bytes = r->at;

	assert(r->at || r->left == 0);
	if (r->failed || size > r->left) {
		r->failed = true;
		return NULL;
	}
	r->at += size;
	r->left -= size;
	return bytes;
}

void wire_write_u8(struct wire_writer *w, uint8_t value)
{
	wire_write_bytes(w, &value, 1);
}

void wire_write_u16(struct wire_writer *w, uint16_t value)
{
	const uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};

	wire_write_bytes(w, bytes, sizeof(bytes));
}

void wire_write_bytes(struct wire_writer *w, const void *data, size_t size)
{
	assert(w->at || w->left == 0);
	if (w->failed || size > w->left) {
		w->failed = true;
		return;
	}
	memcpy(w->at, data, size);
	w->at += size;
	w->left -= size;
}
