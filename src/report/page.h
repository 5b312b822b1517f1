/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of metrics_listen, for people with a browser: page.html beside this file, which is part
 * of the program's read-only data. It needs nothing but GET /v1/state of the same server.
 */
#ifndef CPVRRP_REPORT_PAGE_H
#define CPVRRP_REPORT_PAGE_H

#define PAGE_TYPE "text/html; charset=utf-8"

/* The page, without a copy: static. */
const char *page_html(void);

/*
 * The headers that go with it, whole lines. Its own style and script, which they name by their
 * hashes, are all that a browser runs; it asks its own server and nobody else, and no other site
 * can show the page in a frame.
 */
const char *page_headers(void);

#endif
