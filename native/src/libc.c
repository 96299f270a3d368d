/*
 * The four functions a C compiler may call on its own. A file of its own because it has to be compiled with the loop
 * idiom recognition off: otherwise the compiler turns memcpy's loop into a call to memcpy.
 */
#include "text.h"

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	uint8_t *t = to;
	const uint8_t *f = from;
	for (; size; size--)
		*t++ = *f++;
	return to;
}

void *memmove(void *to, const void *from, size_t size)
{
	uint8_t *t = to;
	const uint8_t *f = from;
	if ((uintptr_t)t <= (uintptr_t)f)
		return memcpy(to, from, size);
	while (size--)
		t[size] = f[size];
	return to;
}

void *memset(void *to, int byte, size_t size)
{
	uint8_t *t = to;
	for (; size; size--)
		*t++ = (uint8_t)byte;
	return to;
}

int memcmp(const void *left, const void *right, size_t size)
{
	const uint8_t *l = left, *r = right;
	for (; size; size--, l++, r++)
		if (*l != *r)
			return *l < *r ? -1 : 1;
	return 0;
}

size_t strlen(const char *text)
{
	size_t size = 0;
	while (text[size])
		size++;
	return size;
}
