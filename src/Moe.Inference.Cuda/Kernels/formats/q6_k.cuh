// 256 weights in 210 bytes: 128 bytes of nibbles, each 64 bytes holding 128 weights, the lower nibbles first; 64 bytes of upper bit pairs,
// each 32 bytes for 128 weights, pair j of byte i for weight 32j + i; 16 signed scales; half d. Weight = d * scale * (code - 32), per group
// of 16.
#pragma once
#include "block_format.cuh"

struct Q6_K
{
    static constexpr bool IsBlock = true, HasMinimum = false;
    static constexpr int Length = 256, Bytes = 210, Group = 16, ActivationBlock = 256, Pieces = 8;

    // Piece 4h + q: the lower and upper nibbles of bytes 64h + 16q ..
    __device__ static constexpr int start(int piece, int run) { return (piece >> 2) * 128 + (piece & 3) * 16 + run * 64; }

    __device__ static __forceinline__ Piece unpack(const uint8* block, int piece)
    {
        Piece result;
        uint32 nibbles[4], pairs[4];
        load_even16(nibbles, block + piece * 16);
        load_even16(pairs, block + 128 + (piece >> 2) * 32 + (piece & 1) * 16);
        split_nibbles(result.codes, nibbles);
        const int shift = piece & 2; // pairs 0 and 2 for the first 32 bytes of nibbles, 1 and 3 for the others
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            const uint32 moved = pairs[i] >> shift;
            result.codes[i] = subtract_each(result.codes[i] | ((moved & 0x03030303u) << 4), 32);
            result.codes[4 + i] = subtract_each(result.codes[4 + i] | (moved & 0x30303030u), 32);
        }
        const float d = half_at(block + 208);
        const int8* scales = (const int8*)block + 192 + (piece >> 2) * 8 + (piece & 3);
        result.scale[0] = d * (float)scales[0];
        result.scale[1] = d * (float)scales[4];
        result.minimum[0] = result.minimum[1] = 0;
        return result;
    }
};
