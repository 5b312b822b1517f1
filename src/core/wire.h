/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cursors over a caller's buffer. Reading or writing past the end sets `failed`, which stays set: a
 * codec reads or writes all its fields and asks once. A failed read yields zero, a failed write
 * changes nothing.
 */
#ifndef CPVRRP_CORE_WIRE_H
#define CPVRRP_CORE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_reader {
	const uint8_t *at;
	size_t left;
	bool failed;
};

struct wire_writer {
	uint8_t *at;
	size_t left;
	bool failed;
};

uint8_t wire_read_u8(struct wire_reader *r);
/* Network byte order. */
uint16_t wire_read_u16(struct wire_reader *r);
/* A view of the next size bytes, valid as long as the buffer; NULL if there are fewer. */
const uint8_t *wire_read_bytes(struct wire_reader *r, size_t size);

void wire_write_u8(struct wire_writer *w, uint8_t value);
void wire_write_u16(struct wire_writer *w, uint16_t value);
void wire_write_bytes(struct wire_writer *w, const void *data, size_t size);

#endif
