// The product of a tile of quantized rows with a tile of tokens on integer tensor cores: the one loop behind dense and grouped products.
//
// Scalar equivalent, for formats in blocks of 256, with codes q, integer scales s and minimums n of groups, d and m of the block, and
// activations c (signed bytes) with a scale a per 256:
//     y[token][row] = sum over blocks of a * (d * sum over groups of s * sum of q * c  -  m * sum over groups of n * sum of c)
// where everything inside the parentheses but d and m is integer arithmetic. For formats in blocks of 32, activations have a scale per 32:
//     y[token][row] = sum over blocks of d * a * sum of q * c
// A result's terms are added in the order of the blocks, whatever the tile: it does not depend on the batch its token is in.
//
// A block of threads walks over the row in steps of 256: raw blocks and activations are copied asynchronously, raw blocks are unpacked to
// a tile of signed bytes, and each warp multiplies 32 rows with half of the tile's tokens while the next step's copies are under way.
#pragma once
#include "tile_scales.cuh"

// What a tile multiplies.
struct TileOperands
{
    const uint8* weights;        // the matrix
    const uint8* second;         // the second matrix of a gated tile
    const uint8* end;            // where the memory of the weights ends
    const uint8* secondEnd;      // and that of the second ones
    long long rowBytes;          // of the weights
    int rows;                    // of the matrix
    int firstRow;                // of the tile
    int width;                   // elements of a row
    const int8* codes;           // activations rounded to 8 bits: codes [row][width]
    const float* factors;        // their scales [row][width / 256], or [row][width / 32] for small blocks
    const float* codeSums;       // the sums of 32 codes each [row][width / 32]
    const int* sources;          // which row of the activations each token is, times `perSource`; null: they follow `firstSource`
    int perSource;
    int firstSource;
    int tokens;                  // of the tile, from 1 on
};

// RowWarps: 32 rows each. Tokens: 16, 32 or 64. Gated: half of the rows are of a gate's matrix, the others the same ones of another.
template <class Format, int RowWarps, int Tokens, bool Gated>
struct TiledProduct
{
    static constexpr int Rows = 32 * RowWarps, Threads = 64 * RowWarps, Step = 256, Group = Format::Group, Groups = Step / Group;
    static constexpr int MatrixRows = Gated ? Rows / 2 : Rows; // rows of one matrix in the tile
    static constexpr int TokenTiles = Tokens / 16;             // of a warp, 8 tokens each
    static constexpr bool Super = Format::ActivationBlock == Step, Minimums = Format::HasMinimum;

    // Rows of raw blocks are copied in pieces of 16 bytes; where blocks may begin between two, the place within the 16 bytes is kept.
    static constexpr int StepBytes = Step / Format::Length * Format::Bytes, Alignment = Format::Bytes & -Format::Bytes;
    static constexpr bool Aligned = Alignment >= 16;
    static constexpr int RawChunks = Aligned ? StepBytes / 16 : (StepBytes + (16 - Alignment) + 15) / 16, RawBytes = RawChunks * 16;

    // Sixteen bytes more than the codes: then eight rows of 16 bytes lie in different banks.
    static constexpr int CodeBytes = Step + 16;
    // Eight sums of 32 activations, or eight scales; 16 bytes more for the same reason.
    static constexpr int SideBytes = Minimums || !Super ? 48 : 0;

    static constexpr int SourceAt = 0;
    static constexpr int RawAt = SourceAt + Tokens * 4;
    static constexpr int CodesAt = RawAt + Rows * RawBytes;
    static constexpr int ScalesAt = CodesAt + Rows * CodeBytes;             // [group][row], int; float for small blocks
    static constexpr int MinimumsAt = ScalesAt + Rows * Groups * 4;         // [row][group], half
    static constexpr int HeadersAt = MinimumsAt + (Minimums ? Rows * 16 : 0); // [row], d and m
    static constexpr int ActivationsAt = HeadersAt + (Super ? Rows * 8 : 0);
    static constexpr int SidesAt = Tokens * CodeBytes, FactorsAt = SidesAt + Tokens * SideBytes;
    static constexpr int ActivationBytes = FactorsAt + (Super ? Tokens * 4 : 0);
    static constexpr int SharedBytes = ActivationsAt + 2 * ActivationBytes;

    float sums[2][TokenTiles][4];

    // Row of the matrix that a row of the tile is; rows beyond the matrix are its last one again.
    __device__ static __forceinline__ const uint8* weight_row(const TileOperands& o, int tileRow)
    {
        const int row = Gated ? (tileRow >> 5) * 16 + (tileRow & 15) : tileRow;
        return (Gated && (tileRow & 16) ? o.second : o.weights) + min(o.firstRow + row, o.rows - 1) * o.rowBytes;
    }

    __device__ static __forceinline__ void copy_weights(const TileOperands& o, uint8* shared, int step)
    {
        const long long at = (long long)step * StepBytes;
        const int bytes = (int)min((long long)StepBytes, o.rowBytes - at);
        for (int i = threadIdx.x; i < Rows * RawChunks; i += Threads)
        {
            const int row = i / RawChunks, chunk = i % RawChunks;
            uint8* destination = shared + RawAt + row * RawBytes + chunk * 16;
            const uint8* begin = weight_row(o, row) + at;
            if constexpr (Aligned)
            {
                cp_async16(destination, begin + chunk * 16);
            }
            else
            {
                const uint8* source = begin - ((uint64)begin & 15) + chunk * 16;
                const uint8* end = Gated && (row & 16) ? o.secondEnd : o.end;
                if (source + 16 <= end)
                {
                    if (source < begin + bytes)
                        cp_async16(destination, source);
                }
                else
                {
                    // The last bytes of the last row.
                    for (int j = 0; source + j < end; j++)
                        destination[j] = source[j];
                }
            }
        }
    }

    __device__ static __forceinline__ void copy_activations(const TileOperands& o, uint8* shared, int step)
    {
        const int* sources = (const int*)(shared + SourceAt);
        uint8* stage = shared + ActivationsAt + (step & 1) * ActivationBytes;
        for (int i = threadIdx.x; i < Tokens * 16; i += Threads)
        {
            const int token = i >> 4, at = step * Step + (i & 15) * 16;
            const int8* source = o.codes + (long long)sources[token] * o.width + at;
            cp_async16_or_zero(stage + token * CodeBytes + (i & 15) * 16, source, token < o.tokens && at < o.width);
        }

        if constexpr (Minimums)
        {
            for (int i = threadIdx.x; i < Tokens * 2; i += Threads)
            {
                const int token = i >> 1, part = i & 1;
                cp_async16(stage + SidesAt + token * SideBytes + part * 16, o.codeSums + (long long)sources[token] * (o.width / 32) + step * 8 + part * 4);
            }
        }
        if constexpr (Super)
        {
            for (int token = threadIdx.x; token < Tokens; token += Threads)
                cp_async4(stage + FactorsAt + token * 4, o.factors + (long long)sources[token] * (o.width / Step) + step);
        }
        else
        {
            for (int i = threadIdx.x; i < Tokens * 8; i += Threads)
            {
                const int token = i >> 3, group = step * 8 + (i & 7);
                if (group * 32 < o.width)
                    cp_async4(stage + SidesAt + token * SideBytes + (i & 7) * 4, o.factors + (long long)sources[token] * (o.width / 32) + group);
            }
        }
    }

    // Raw blocks become signed bytes, and scales numbers; a piece of 32 weights to a thread.
    __device__ static __forceinline__ void unpack(const TileOperands& o, uint8* shared, int step)
    {
        const long long at = (long long)step * StepBytes;
        for (int i = threadIdx.x; i < Rows * 8; i += Threads)
        {
            const int row = i >> 3, piece = i & 7, block = piece / Format::Pieces;
            if (!Super && step * Step + block * Format::Length >= o.width)
                continue;
            const Piece p = Format::unpack(raw_row(o, shared, row, at) + block * Format::Bytes, piece % Format::Pieces);
            uint8* codes = shared + CodesAt + row * CodeBytes + block * Format::Length;
#pragma unroll
            for (int run = 0; run < 2; run++)
                *(uint4*)(codes + Format::start(piece % Format::Pieces, run)) = make_uint4(p.codes[4 * run], p.codes[4 * run + 1], p.codes[4 * run + 2], p.codes[4 * run + 3]);
            if constexpr (!Super)
                ((float*)(shared + ScalesAt))[block * Rows + row] = p.scale[0];
        }

        if constexpr (Super)
        {
            for (int i = threadIdx.x; i < Rows * Groups; i += Threads)
            {
                const int row = i % Rows, group = i / Rows;
                const uint8* raw = raw_row(o, shared, row, at);
                ((int*)(shared + ScalesAt))[i] = TileScales<Format>::scale(raw, group);
                if constexpr (Minimums)
                    ((uint16*)(shared + MinimumsAt))[row * 8 + group] = float_to_half((float)TileScales<Format>::minimum(raw, group));
            }
            for (int row = threadIdx.x; row < Rows; row += Threads)
            {
                const uint8* raw = raw_row(o, shared, row, at);
                float2 header = make_float2(TileScales<Format>::d(raw), 0);
                if constexpr (Minimums)
                    header.y = TileScales<Format>::m(raw);
                ((float2*)(shared + HeadersAt))[row] = header;
            }
        }
    }

    __device__ static __forceinline__ const uint8* raw_row(const TileOperands& o, const uint8* shared, int row, long long at)
    {
        return shared + RawAt + row * RawBytes + (Aligned ? 0 : (int)((uint64)(weight_row(o, row) + at) & 15));
    }

    // One step of a warp: g = lane / 4 is a row of a fragment (and g + 8), 2t and 2t + 1 with t = lane % 4 are its tokens.
    __device__ __forceinline__ void multiply(const TileOperands& o, const uint8* shared, int step)
    {
        const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
        const int firstRow = (threadIdx.x >> 6) * 32, firstToken = ((threadIdx.x >> 5) & 1) * (Tokens / 2);
        const uint8* stage = shared + ActivationsAt + (step & 1) * ActivationBytes;
        const uint8* rows = shared + CodesAt + (firstRow + (lane & 15)) * CodeBytes + (lane >> 4) * 16;
        const uint8* tokens = stage + (firstToken + (lane & 7) + (TokenTiles > 1 ? (lane >> 4) * 8 : 0)) * CodeBytes + ((lane >> 3) & 1) * 16;
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
                add_small(a, b, shared, stage, firstRow + g, firstToken + 2 * t, group);
            else if constexpr (Group == 32)
                add_group<0>(integers, a, b, (const int*)(shared + ScalesAt) + group * Rows + firstRow + g);
            else
            {
                add_group<1>(integers, a, b, (const int*)(shared + ScalesAt) + 2 * group * Rows + firstRow + g);
                add_group<2>(integers, a, b, (const int*)(shared + ScalesAt) + (2 * group + 1) * Rows + firstRow + g);
            }
        }
        if constexpr (Super)
            finish(integers, shared, stage, firstRow, firstToken);
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
        const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
#pragma unroll
        for (int m = 0; m < 2; m++)
        {
            const float2* headers = (const float2*)(shared + HeadersAt) + firstRow + m * 16 + g;
            const float2 upper = headers[0], lower = headers[8];
            uint32 minimums[4];
            if constexpr (Minimums)
            {
                const uint8* at = shared + MinimumsAt + (firstRow + m * 16 + g) * 16 + t * 4;
                minimums[2] = *(const uint32*)at;
                minimums[3] = *(const uint32*)(at + 8 * 16);
                minimums[0] = mul_half2(minimums[2], 0x54005400u);
                minimums[1] = mul_half2(minimums[3], 0x54005400u);
            }
#pragma unroll
            for (int n = 0; n < TokenTiles; n++)
            {
                const float2 factor = *(const float2*)(stage + FactorsAt + (firstToken + n * 8 + 2 * t) * 4);
                float d[4];
#pragma unroll
                for (int i = 0; i < 4; i++)
                    d[i] = (i < 2 ? upper.x : lower.x) * (float)integers[m][n][i];
                if constexpr (Minimums)
                {
                    const float2 codeSums = *(const float2*)(stage + SidesAt + (firstToken + n * 8 + g) * SideBytes + t * 8);
                    const float high0 = floorf(codeSums.x * (1.0f / 64)), high1 = floorf(codeSums.y * (1.0f / 64));
                    float offsets[4] = {};
                    mma_m16n8k16_f16(offsets, minimums, pack_half2(high0, high1), pack_half2(fmaf(-64, high0, codeSums.x), fmaf(-64, high1, codeSums.y)));
#pragma unroll
                    for (int i = 0; i < 4; i++)
                        d[i] = fmaf(i < 2 ? -upper.y : -lower.y, offsets[i], d[i]);
                }
#pragma unroll
                for (int i = 0; i < 4; i++)
                    sums[m][n][i] = fmaf((i & 1) == 0 ? factor.x : factor.y, d[i], sums[m][n][i]);
            }
        }
    }

    // Computes the tile's sums.
    __device__ __forceinline__ void run(const TileOperands& o, uint8* shared)
    {
#pragma unroll
        for (int m = 0; m < 2; m++)
#pragma unroll
            for (int n = 0; n < TokenTiles; n++)
#pragma unroll
                for (int i = 0; i < 4; i++)
                    sums[m][n][i] = 0;

        // Tokens beyond the last one take its row, with codes of zero.
        for (int token = threadIdx.x; token < Tokens; token += Threads)
        {
            const int given = min(token, o.tokens - 1);
            ((int*)(shared + SourceAt))[token] = o.sources == nullptr ? o.firstSource + given : o.sources[given] / o.perSource;
        }
        __syncthreads();

        const int steps = (o.width + Step - 1) / Step;
        copy_weights(o, shared, 0);
        copy_activations(o, shared, 0);
        cp_async_commit();
        for (int step = 0; step < steps; step++)
        {
            cp_async_wait<0>();
            __syncthreads();
            unpack(o, shared, step);
            __syncthreads();
            if (step + 1 < steps)
            {
                copy_weights(o, shared, step + 1);
                copy_activations(o, shared, step + 1);
                cp_async_commit();
            }
            multiply(o, shared, step);
        }
    }

    // Calls store(row of the matrix, token of the tile, value) for each result; gated, store(row, token, gate, up).
    template <class Store>
    __device__ __forceinline__ void each(const TileOperands& o, Store store) const
    {
        const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
        const int warpRow = o.firstRow + (threadIdx.x >> 6) * (Gated ? 16 : 32) + g, warpToken = ((threadIdx.x >> 5) & 1) * (Tokens / 2) + 2 * t;
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
