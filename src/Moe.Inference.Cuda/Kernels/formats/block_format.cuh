// The contract of block formats: what every struct of Kernels/formats/ with IsBlock = true has.
//
//   IsBlock          true; formats of plain numbers (float_formats.cuh) have another contract.
//   Length, Bytes    weights and bytes of a block; a row is whole blocks one after the other, a matrix whole rows.
//   Group            weights that share a scale: 16 or 32.
//   HasMinimum       whether groups (then of 32) have a minimum; without it Piece::minimum is zero and to be left alone.
//   ActivationBlock  activations that share a scale when they are rounded to 8 bits: 256 or 32.
//   Pieces           Length / 32.
//   start(piece, run)
//                    the first weight, within the block, of a run of a piece; constexpr.
//   unpack(block, piece)
//                    the piece.
//
// A piece is what one thread unpacks at a time: 32 weights in two runs of 16 consecutive ones, as they share bytes of the block.
// The runs of a block's pieces together are its weights, each once; start() is always a multiple of 16. A run never crosses a group,
// nor a piece a block of activations. The two runs of a piece may lie in different groups.
//
//   weight[start(piece, run) + i] = scale[run] * code[16 * run + i] - minimum[run]
//
// Codes are signed bytes. A scale is (the block's half) * (an integer of at most 8 bits), so that it is exact in float32, as is a minimum.
// The block's address may be one of shared or of global memory and needs to be even only; what lies in the same aligned 16 bytes may be
// read with it.
#pragma once
#include "ptx.cuh"

struct Piece
{
    uint32 codes[8]; // four each, the first in the lowest byte; run 0 is codes[0..3]
    float scale[2];
    float minimum[2];
};

// Sixteen bytes at an even address: from five aligned words, shifted.
__device__ __forceinline__ void load_even16(uint32 (&words)[4], const uint8* p)
{
    const uint32 odd = (uint32)(uint64)p & 2;
    const uint32* aligned = (const uint32*)(p - odd);
    const uint32 shift = odd * 8;
    uint32 low = aligned[0];
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
        // Where nothing is to be shifted, the fifth word may be beyond the tensor, and is not needed.
        const uint32 high = i == 3 && shift == 0 ? 0 : aligned[i + 1];
        words[i] = __funnelshift_r(low, high, shift);
        low = high;
    }
}

__device__ __forceinline__ void load_aligned16(uint32 (&words)[4], const uint8* p)
{
    const uint4 v = *(const uint4*)p;
    words[0] = v.x;
    words[1] = v.y;
    words[2] = v.z;
    words[3] = v.w;
}

__device__ __forceinline__ float half_at(const uint8* p)
{
    return half_to_float(*(const uint16*)p);
}

// The nibbles of 16 bytes: the lower ones become run 0, the upper ones run 1.
__device__ __forceinline__ void split_nibbles(uint32 (&codes)[8], const uint32 (&words)[4])
{
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
        codes[i] = words[i] & 0x0F0F0F0Fu;
        codes[4 + i] = (words[i] >> 4) & 0x0F0F0F0Fu;
    }
}

// Subtracts a number of at most 128 from each of four bytes below 128, which become signed: the upper bit keeps bytes from borrowing.
__device__ __forceinline__ uint32 subtract_each(uint32 codes, uint32 number)
{
    return ((codes | 0x80808080u) - number * 0x01010101u) ^ 0x80808080u;
}

// Bit `bit` of each of four bytes, moved to bit 4.
__device__ __forceinline__ uint32 fifth_bits(uint32 bytes, int bit)
{
    return ((bytes >> bit) & 0x01010101u) << 4;
}

// Looks the lower four nibbles of `nibbles` up in a table of 16 bytes.
__device__ __forceinline__ uint32 lookup4(const uint32 (&table)[4], uint32 nibbles)
{
    // A selector's upper bit would mean something else, so it decides between two lookups of three bits.
    const uint32 index = nibbles & 0x7777u;
    return __byte_perm(__byte_perm(table[0], table[1], index), __byte_perm(table[2], table[3], index), 0x3210u | ((nibbles & 0x8888u) >> 1));
}

// The nibbles of four bytes, looked up: the lower ones' values in `low`, the upper ones' in `high`.
__device__ __forceinline__ void lookup_nibbles(const uint32 (&table)[4], uint32 bytes, uint32& low, uint32& high)
{
    const uint32 first = lookup4(table, bytes), second = lookup4(table, bytes >> 16);
    low = __byte_perm(first, second, 0x6420);
    high = __byte_perm(first, second, 0x7531);
}
