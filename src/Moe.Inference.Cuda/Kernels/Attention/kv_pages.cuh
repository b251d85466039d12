// Pages of key/value memory: [page][head][token in page][width].
#pragma once
#include "ptx.cuh"

// The first row of one head of a page.
template <class Format>
__device__ __forceinline__ uint8* page_rows(uint8* pages, long long page, int head, int heads, int pageLength, int width)
{
    return pages + (page * heads + head) * pageLength * Format::row_bytes(width);
}

// The row of one head of the token at a position of the sequence whose page table is given.
template <class Format>
__device__ __forceinline__ const uint8* row_at(const uint8* pages, const int* table, int position, int head, int heads, int pageLength, int width)
{
    return page_rows<Format>((uint8*)pages, table[position / pageLength], head, heads, pageLength, width) + position % pageLength * Format::row_bytes(width);
}
