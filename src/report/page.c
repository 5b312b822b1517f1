/* SPDX-License-Identifier: Apache-2.0 */
#include "report/page.h"

/* CSP level 3: of the bytes between the tags. tests/unit/test_page.c says what they have to be. */
#define STYLE_HASH "sha256-Zdo1BVW8LS4hyv/1Axryuij8R8B0YZhrGCzeNGhGCIU="
#define SCRIPT_HASH "sha256-qrMmw7hdkw8OgWChQ131FcE4Xg3Uc/RtfdxRBpoe9JU="

/* page.html and a NUL: an array that the build makes of it, as C has no literal of its size. */
extern const unsigned char page_bytes[];

const char *page_html(void)
{
	return (const char *)page_bytes;
}

const char *page_headers(void)
{
	return "Content-Security-Policy: default-src 'none'; style-src '" STYLE_HASH
	       "'; script-src '" SCRIPT_HASH "'; connect-src 'self'; base-uri 'none'; "
	       "form-action 'none'; frame-ancestors 'none'\r\n"
	       "Referrer-Policy: no-referrer\r\n";
}
