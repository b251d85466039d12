// The product of a tile of quantized rows with a tile of tokens on integer tensor cores: the one loop behind dense and grouped products.
//
// Scalar equivalent, for formats in blocks of 256, with codes q, integer scales s and minimums n of groups, d and m of the block, and
// activations c (signed bytes) with a scale a per 256:
//     y[token][row] = sum over blocks of a * (d * sum over groups of s * sum of q * c  -  m * sum over groups of n * sum of c)
// where everything inside the parentheses but d and m is integer arithmetic. For formats in blocks of 32, activations have a scale per 32:
//     y[token][row] = sum over blocks of d * a * sum of q * c
// A result's terms are added in an order that depends on nothing but the kind of tile.
//
// A team of threads walks over the row in steps of 256: raw blocks and activations are copied asynchronously, raw blocks are unpacked to
// a tile of signed bytes, and each warp multiplies 32 rows with half of the tile's tokens while the next step's copies are under way.
// Where tiles are few, several teams share one, each taking every so manieth step with memory of its own; their sums are added in order.
#pragma once
#include "tile_memory.cuh"

template <class Format, int RowWarps, int Tokens, int Teams, bool Gated>
struct TiledProduct : TileMemory<Format, RowWarps, Tokens, Teams, Gated>
{
    using Memory = TileMemory<Format, RowWarps, Tokens, Teams, Gated>;
    using Memory::Rows;
    using Memory::Threads;
    using Memory::Step;
    using Memory::Group;
    using Memory::TokenTiles;
    using Memory::Super;
    using Memory::Minimums;
    using Memory::CodeBytes;
    using Memory::SideBytes;
    using Memory::CodesAt;
    using Memory::ScalesAt;
    using Memory::MinimumsAt;
    using Memory::HeadersAt;
    using Memory::ActivationsAt;
    using Memory::SidesAt;
    using Memory::FactorsAt;
    using Memory::ActivationBytes;
    using Memory::TeamBytes;
    using Memory::thread;

    float sums[2][TokenTiles][4];

    // One step of a warp: g = lane / 4 is a row of a fragment (and g + 8), 2t and 2t + 1 with t = lane % 4 are its tokens.
    __device__ __forceinline__ void multiply(const TileOperands& o, const uint8* shared, int step, int stage)
    {
        const int lane = thread() & 31, g = lane >> 2, t = lane & 3;
        const int firstRow = (thread() >> 6) * 32, firstToken = ((thread() >> 5) & 1) * (Tokens / 2);
        const uint8* activations = shared + ActivationsAt + stage * ActivationBytes;
        const uint8* rows = shared + CodesAt + (firstRow + (lane & 15)) * CodeBytes + (lane >> 4) * 16;
        const uint8* tokens = activations + (firstToken + (lane & 7) + (TokenTiles > 1 ? (lane >> 4) * 8 : 0)) * CodeBytes + ((lane >> 3) & 1) * 16;
        const int groups = Super ? 8 : min(8, (o.width - step * Step) / 32);

        int integers[2][TokenTiles][4] = {};
#pragma unroll 2
        for (int group = 0; group < groups; group++)
        {
            uint32 a[2][4], b[TokenTiles][2];
            ldmatrix_x4(a[0], rows + group * 32);
            ldmatrix_x4(a[1], rows + 16 * CodeBytes + group * 32);
            load_tokens(b, tokens + group * 32);
            if constexpr (!Super)
                add_small(a, b, shared, activations, firstRow + g, firstToken + 2 * t, group);
            else if constexpr (Group == 32)
                add_group<0>(integers, a, b, (const int*)(shared + ScalesAt) + group * Rows + firstRow + g);
            else
            {
                add_group<1>(integers, a, b, (const int*)(shared + ScalesAt) + 2 * group * Rows + firstRow + g);
                add_group<2>(integers, a, b, (const int*)(shared + ScalesAt) + (2 * group + 1) * Rows + firstRow + g);
            }
        }
        if constexpr (Super)
            finish(integers, shared, activations, firstRow, firstToken);
    }

    __device__ static __forceinline__ void load_tokens(uint32 (&b)[TokenTiles][2], const uint8* tokens)
    {
        if constexpr (TokenTiles == 1)
        {
            ldmatrix_x2(b[0], tokens);
        }
        else
        {
#pragma unroll
            for (int pair = 0; pair < TokenTiles / 2; pair++)
            {
                uint32 four[4];
                ldmatrix_x4(four, tokens + pair * 16 * CodeBytes);
                b[2 * pair][0] = four[0];
                b[2 * pair][1] = four[1];
                b[2 * pair + 1][0] = four[2];
                b[2 * pair + 1][1] = four[3];
            }
        }
    }

    // integers += scale * (codes · activations) of a group: all 32 bytes (Half 0), or the first or second 16.
    template <int Half>
    __device__ static __forceinline__ void add_group(int (&integers)[2][TokenTiles][4], const uint32 (&a)[2][4], const uint32 (&b)[TokenTiles][2], const int* scales)
    {
#pragma unroll
        for (int m = 0; m < 2; m++)
        {
            const int upper = scales[m * 16], lower = scales[m * 16 + 8];
#pragma unroll
            for (int n = 0; n < TokenTiles; n++)
            {
                int d[4] = {};
                if constexpr (Half == 0)
                {
                    mma_m16n8k32_s8(d, a[m], b[n][0], b[n][1]);
                }
                else
                {
                    const uint32 part[2] = {a[m][2 * Half - 2], a[m][2 * Half - 1]};
                    mma_m16n8k16_s8(d, part, b[n][Half - 1]);
                }
                integers[m][n][0] += upper * d[0];
                integers[m][n][1] += upper * d[1];
                integers[m][n][2] += lower * d[2];
                integers[m][n][3] += lower * d[3];
            }
        }
    }

    // Blocks of 32 have a scale each, as have their activations.
    __device__ __forceinline__ void add_small(const uint32 (&a)[2][4], const uint32 (&b)[TokenTiles][2], const uint8* shared, const uint8* stage, int row, int token, int group)
    {
        const float* scales = (const float*)(shared + ScalesAt) + group * Rows + row;
#pragma unroll
        for (int n = 0; n < TokenTiles; n++)
        {
            const float* factors = (const float*)(stage + SidesAt + (token + n * 8) * SideBytes) + group;
            const float left = factors[0], right = factors[SideBytes / 4];
#pragma unroll
            for (int m = 0; m < 2; m++)
            {
                const float upper = scales[m * 16], lower = scales[m * 16 + 8];
                int d[4] = {};
                mma_m16n8k32_s8(d, a[m], b[n][0], b[n][1]);
                sums[m][n][0] = fmaf((float)d[0] * upper, left, sums[m][n][0]);
                sums[m][n][1] = fmaf((float)d[1] * upper, right, sums[m][n][1]);
                sums[m][n][2] = fmaf((float)d[2] * lower, left, sums[m][n][2]);
                sums[m][n][3] = fmaf((float)d[3] * lower, right, sums[m][n][3]);
            }
        }
    }

    // sums += a * (d * integers - m * minimums · sums of codes). Halves hold a minimum (below 64) and 64 times it exactly; a sum s (at the
    // most 4,064) as floor(s / 64) and the rest; and all products and their sum are whole numbers below 2^24.
    __device__ __forceinline__ void finish(const int (&integers)[2][TokenTiles][4], const uint8* shared, const uint8* stage, int firstRow, int firstToken)
    {
        const int lane = thread() & 31, g = lane >> 2, t = lane & 3;
        float2 upper[2], lower[2];
        uint32 minimums[2][4];
#pragma unroll
        for (int m = 0; m < 2; m++)
        {
            const float2* headers = (const float2*)(shared + HeadersAt) + firstRow + m * 16 + g;
            upper[m] = headers[0];
            lower[m] = headers[8];
            if constexpr (Minimums)
            {
                const uint8* at = shared + MinimumsAt + (firstRow + m * 16 + g) * 16 + t * 4;
                minimums[m][2] = *(const uint32*)at;
                minimums[m][3] = *(const uint32*)(at + 8 * 16);
                minimums[m][0] = mul_half2(minimums[m][2], 0x54005400u);
                minimums[m][1] = mul_half2(minimums[m][3], 0x54005400u);
            }
        }
#pragma unroll
        for (int n = 0; n < TokenTiles; n++)
        {
            const float2 factor = *(const float2*)(stage + FactorsAt + (firstToken + n * 8 + 2 * t) * 4);
            uint32 high = 0, rest = 0;
            if constexpr (Minimums)
            {
                const float2 codeSums = *(const float2*)(stage + SidesAt + (firstToken + n * 8 + g) * SideBytes + t * 8);
                const float high0 = floorf(codeSums.x * (1.0f / 64)), high1 = floorf(codeSums.y * (1.0f / 64));
                high = pack_half2(high0, high1);
                rest = pack_half2(fmaf(-64, high0, codeSums.x), fmaf(-64, high1, codeSums.y));
            }
#pragma unroll
            for (int m = 0; m < 2; m++)
            {
                float offsets[4] = {};
                if constexpr (Minimums)
                    mma_m16n8k16_f16(offsets, minimums[m], high, rest);
#pragma unroll
                for (int i = 0; i < 4; i++)
                {
                    const float2 header = i < 2 ? upper[m] : lower[m];
                    float value = header.x * (float)integers[m][n][i];
                    if constexpr (Minimums)
                        value = fmaf(-header.y, offsets[i], value);
                    sums[m][n][i] = fmaf((i & 1) == 0 ? factor.x : factor.y, value, sums[m][n][i]);
                }
            }
        }
    }

    // Computes the tile's sums; the first team gets them.
    __device__ __forceinline__ void run(const TileOperands& o, uint8* memory)
    {
#pragma unroll
        for (int m = 0; m < 2; m++)
#pragma unroll
            for (int n = 0; n < TokenTiles; n++)
#pragma unroll
                for (int i = 0; i < 4; i++)
                    sums[m][n][i] = 0;

        const int team = Teams == 1 ? 0 : threadIdx.x / Threads;
        uint8* shared = memory + team * TeamBytes;
        Memory::find_rows(o, shared);
        __syncthreads();

        const int steps = (o.width + Step - 1) / Step;
        // Weights do not depend on the kernel before.
        if (team < steps)
            Memory::copy_weights(o, shared, team);
        grid_dependency_wait();
        if (team < steps)
            Memory::copy_activations(o, shared, team, 0);
        cp_async_commit();
        for (int first = 0, stage = 0; first < steps; first += Teams, stage ^= 1)
        {
            const int step = first + team;
            const bool here = Teams == 1 || step < steps;
            cp_async_wait<0>();
            __syncthreads();
            if (here)
                Memory::unpack(o, shared, step);
            __syncthreads();
            if (step + Teams < steps)
            {
                Memory::copy_weights(o, shared, step + Teams);
                Memory::copy_activations(o, shared, step + Teams, stage ^ 1);
            }
            cp_async_commit();
            if (here)
                multiply(o, shared, step, stage);
        }
        if constexpr (Teams > 1)
            add_teams(memory, team);
    }

    // Adds the sums of later teams to those of the first one, in order; they lie in shared memory thread by thread.
    __device__ __forceinline__ void add_teams(uint8* memory, int team)
    {
        float* all = (float*)memory;
        constexpr int Numbers = 2 * TokenTiles * 4;
        __syncthreads();
        if (team > 0)
        {
#pragma unroll
            for (int i = 0; i < Numbers; i++)
                all[((team - 1) * Numbers + i) * Threads + thread()] = sums[i / (TokenTiles * 4)][i / 4 % TokenTiles][i % 4];
        }
        __syncthreads();
        if (team == 0)
        {
            for (int other = 0; other < Teams - 1; other++)
            {
#pragma unroll
                for (int i = 0; i < Numbers; i++)
                    sums[i / (TokenTiles * 4)][i / 4 % TokenTiles][i % 4] += all[(other * Numbers + i) * Threads + thread()];
            }
        }
    }

    // Calls store(row of the matrix, token of the tile, value) for each result; gated, store(row, token, gate, up).
    template <class Store>
    __device__ __forceinline__ void each(const TileOperands& o, Store store) const
    {
        if (Teams > 1 && threadIdx.x >= Threads)
            return;
        const int lane = thread() & 31, g = lane >> 2, t = lane & 3;
        const int warpRow = o.firstRow + (thread() >> 6) * (Gated ? 16 : 32) + g, warpToken = ((thread() >> 5) & 1) * (Tokens / 2) + 2 * t;
#pragma unroll
        for (int m = 0; m < (Gated ? 1 : 2); m++)
#pragma unroll
            for (int n = 0; n < TokenTiles; n++)
#pragma unroll
                for (int i = 0; i < 4; i++)
                {
                    const int row = warpRow + m * 16 + (i >> 1) * 8, token = warpToken + n * 8 + (i & 1);
                    if (row >= o.rows || token >= o.tokens)
                        continue;
                    if constexpr (Gated)
                        store(row, token, sums[0][n][i], sums[1][n][i]);
                    else
                        store(row, token, sums[m][n][i]);
                }
    }
};
