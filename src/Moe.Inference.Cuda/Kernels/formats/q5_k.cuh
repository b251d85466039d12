// 256 weights in 176 bytes: half d; half m; 12 bytes of scales and minimums; 32 bytes of fifth bits, bit g of byte i for weight 32g + i;
// 128 bytes of nibbles as in Q4_K. Weight = d * scale * code - m * minimum, per group of 32.
#pragma once
#include "k_scales.cuh"

struct Q5_K
{
    static constexpr bool IsBlock = true, HasMinimum = true;
    static constexpr int Length = 256, Bytes = 176, Group = 32, ActivationBlock = 256, Pieces = 8;

    __device__ static constexpr int start(int piece, int run) { return (piece >> 1) * 64 + (piece & 1) * 16 + run * 32; }

    __device__ static __forceinline__ Piece unpack(const uint8* block, int piece)
    {
        Piece result;
        uint32 header[4], fifth[4], nibbles[4];
        load_aligned16(header, block);
        load_aligned16(fifth, block + 16 + (piece & 1) * 16);
        load_aligned16(nibbles, block + 48 + piece * 16);
        split_nibbles(result.codes, nibbles);
        const int group = piece & ~1;
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            result.codes[i] |= fifth_bits(fifth[i], group);
            result.codes[4 + i] |= fifth_bits(fifth[i], group + 1);
        }
        unpack_k_scales(result, header, piece >> 1);
        return result;
    }
};
