// 256 weights in 136 bytes: half d; 16 bits of upper scale bits, two per group of 32; 4 bytes of lower scale nibbles; 128 bytes of nibbles,
// each 16 bytes holding 32 weights, the lower nibbles first. Weight = d * (scale - 32) * value[code].
#pragma once
#include "block_format.cuh"

struct IQ4_XS
{
    static constexpr bool IsBlock = true, HasMinimum = false;
    static constexpr int Length = 256, Bytes = 136, Group = 32, ActivationBlock = 256, Pieces = 8;

    __device__ static constexpr int start(int piece, int run) { return piece * 32 + run * 16; }

    __device__ static __forceinline__ Piece unpack(const uint8* block, int piece)
    {
        // -127 -104 -83 -65, -49 -35 -22 -10, 1 13 25 38, 53 69 89 113
        constexpr uint32 Values[4] = {0xBFAD9881u, 0xF6EADDCFu, 0x26190D01u, 0x71594535u};
        Piece result;
        const uint2 header = *(const uint2*)block;
        const uint2 first = *(const uint2*)(block + 8 + piece * 16), second = *(const uint2*)(block + 16 + piece * 16);
        lookup_nibbles(Values, first.x, result.codes[0], result.codes[4]);
        lookup_nibbles(Values, first.y, result.codes[1], result.codes[5]);
        lookup_nibbles(Values, second.x, result.codes[2], result.codes[6]);
        lookup_nibbles(Values, second.y, result.codes[3], result.codes[7]);
        const int scale = (int)(((header.y >> (4 * piece)) & 15) | (((header.x >> (16 + 2 * piece)) & 3) << 4)) - 32;
        result.scale[0] = result.scale[1] = half_to_float((uint16)header.x) * (float)scale;
        result.minimum[0] = result.minimum[1] = 0;
        return result;
    }
};
