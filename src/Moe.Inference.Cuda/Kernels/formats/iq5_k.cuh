// 256 weights in 176 bytes, ik_llama.cpp's format: half d; 16 extra bits, one per group of 16; 4 bytes of upper scale bits, two per group;
// 8 bytes of lower scale nibbles; 128 bytes of nibbles, each 32 bytes holding 64 weights, the lower nibbles first; 32 bytes of fifth bits,
// bit g of byte i for weight 32g + i. Weight = d * (scale - 32) * (value[code] + 2 * extra).
#pragma once
#include "block_format.cuh"

struct IQ5_K
{
    static constexpr bool IsBlock = true, HasMinimum = false;
    static constexpr int Length = 256, Bytes = 176, Group = 16, ActivationBlock = 256, Pieces = 8;

    __device__ static constexpr int start(int piece, int run) { return (piece >> 1) * 64 + (piece & 1) * 16 + run * 32; }

    __device__ static __forceinline__ Piece unpack(const uint8* block, int piece)
    {
        Piece result;
        uint32 header[4], fifth[4], nibbles[4];
        load_aligned16(header, block);
        load_aligned16(fifth, block + 144 + (piece & 1) * 16);
        load_aligned16(nibbles, block + 16 + piece * 16);
        const float d = half_to_float((uint16)header[0]);
        const int bit = piece & ~1;
#pragma unroll
        for (int run = 0; run < 2; run++)
        {
            const int group = start(piece, run) >> 4;
            const uint32 shift = ((header[0] >> (16 + group)) & 1) * 0x02020202u;
#pragma unroll
            for (int i = 0; i < 4; i++)
                result.codes[4 * run + i] = values((nibbles[i] >> (4 * run)) & 0x0F0F0F0Fu, (fifth[i] >> (bit + run)) & 0x01010101u, shift);
            const uint32 low = (group < 8 ? header[2] : header[3]) >> (4 * (group & 7)), high = header[1] >> (2 * group);
            result.scale[run] = d * (float)((int)((low & 15) | ((high & 3) << 4)) - 32);
            result.minimum[run] = 0;
        }
        return result;
    }

private:
    // The values of four codes, each a nibble and a fifth bit (0 or 1) in a byte; the shift does not carry from byte to byte.
    __device__ static __forceinline__ uint32 values(uint32 nibbles, uint32 fifth, uint32 shift)
    {
        // -126 -114 -103 -92, -83 -74 -65 -57, -50 -43 -36 -30, -24 -18 -12 -6
        constexpr uint32 Lower[4] = {0xA4998E82u, 0xC7BFB6ADu, 0xE2DCD5CEu, 0xFAF4EEE8u};
        // -1 5 11 17, 23 29 36 43, 51 59 68 77, 87 97 109 121
        constexpr uint32 Upper[4] = {0x110B05FFu, 0x2B241D17u, 0x4D443B33u, 0x796D6157u};
        const uint32 packed = (nibbles & 0xF) | ((nibbles >> 4) & 0xF0) | ((nibbles >> 8) & 0xF00) | ((nibbles >> 12) & 0xF000);
        const uint32 mask = fifth * 0xFF;
        const uint32 value = (lookup4(Lower, packed) & ~mask) | (lookup4(Upper, packed) & mask);
        return ((value & 0x7F7F7F7Fu) + shift) ^ (value & 0x80808080u);
    }
};
