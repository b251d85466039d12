// The 12 bytes in which Q4_K and Q5_K hold eight scales and eight minimums of 6 bits: bytes 0..3 are scales 0..3 and bytes 4..7 minimums
// 0..3, with two upper bits of number 4..7 on top of each; bytes 8..11 are the lower nibbles of scales and minimums 4..7.
#pragma once
#include "block_format.cuh"

// Scales and minimums of groups 2 * pair and 2 * pair + 1; `header` is the block's first 16 bytes: half d, half m, then the 12 bytes.
__device__ __forceinline__ void unpack_k_scales(Piece& piece, const uint32 (&header)[4], int pair)
{
    const bool lower = pair < 2;
    const uint32 scales = lower ? header[1] & 0x3F3F3F3Fu : (header[3] & 0x0F0F0F0Fu) | ((header[1] >> 2) & 0x30303030u);
    const uint32 minimums = lower ? header[2] & 0x3F3F3F3Fu : ((header[3] >> 4) & 0x0F0F0F0Fu) | ((header[2] >> 2) & 0x30303030u);
    const uint32 byte = 0x4440u + (pair & 1) * 2; // selects a byte, and zeros above it
    const float d = half_to_float((uint16)header[0]), m = half_to_float((uint16)(header[0] >> 16));
    piece.scale[0] = d * (float)__byte_perm(scales, 0, byte);
    piece.scale[1] = d * (float)__byte_perm(scales, 0, byte + 1);
    piece.minimum[0] = m * (float)__byte_perm(minimums, 0, byte);
    piece.minimum[1] = m * (float)__byte_perm(minimums, 0, byte + 1);
}
