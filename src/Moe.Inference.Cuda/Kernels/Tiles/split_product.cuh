// The product of a tile of rows with a tile of tokens in float32 on bfloat16 tensor cores. Each number is split into bfloat16 parts,
// x = x0 + x1 + x2 with 8 bits each (two hold all of a half, one a bfloat16), and products of parts are added up in float32; those whose
// parts' numbers come to more than 2 are below a float32's last bit. For plain weights, and for blocks where activations are not to be rounded.
// Scalar equivalent: y[token][row] = sum of w[row][i] * x[token][i].
//
// Tensor cores cut where float32 addition rounds, so sums inside them stay short: 128 products, which are then added in float32.
#pragma once
#include "formats.cuh"

// Parts that hold a weight.
template <class Format>
struct BFloatParts
{
    static constexpr int Count = 3;
};

template <>
struct BFloatParts<F16>
{
    static constexpr int Count = 2;
};

template <>
struct BFloatParts<BF16>
{
    static constexpr int Count = 1;
};

// What a tile multiplies.
struct SplitOperands
{
    const uint8* weights;        // the matrix
    const uint8* second;         // the second matrix of a gated tile
    long long rowBytes;          // of the weights
    int rows;                    // of the matrix
    int firstRow;                // of the tile
    int width;                   // elements of a row
    const float* x;              // activations [row][width]
    const int* sources;          // which row of x each token is, times `perSource`; null: they follow `firstSource`
    int perSource;
    int firstSource;
    int tokens;                  // of the tile
};

// Consecutive numbers as parts, the first numbers in the lower bits.
template <int Parts>
__device__ __forceinline__ void split4(float (&x)[4], uint2 (&parts)[Parts])
{
#pragma unroll
    for (int i = 0; i < Parts; i++)
    {
        parts[i] = make_uint2(pack_bf16x2(x[0], x[1]), pack_bf16x2(x[2], x[3]));
        const float2 low = unpack_bf16x2(parts[i].x), high = unpack_bf16x2(parts[i].y);
        x[0] -= low.x;
        x[1] -= low.y;
        x[2] -= high.x;
        x[3] -= high.y;
    }
}

// Numbers at [at, at + 4) of a row; zero from `width` on.
template <class Format>
__device__ __forceinline__ void load_row4(float (&x)[4], const uint8* row, int at, int width)
{
    if ((width & 3) == 0 && at < width)
    {
        Format::load4(x, row + (long long)at * Format::Bytes);
        return;
    }
#pragma unroll
    for (int i = 0; i < 4; i++)
        x[i] = at + i < width ? Format::load(row + (long long)(at + i) * Format::Bytes) : 0;
}

template <class Format, bool Gated>
struct SplitProduct
{
    static constexpr int Rows = 64, Tokens = 32, Threads = 256, Step = 128;
    static constexpr int WeightParts = BFloatParts<Format>::Count;
    static constexpr int RowBytes = Step * 2 + 16; // of a part; 16 bytes more, so that eight rows of 16 bytes lie in different banks
    static constexpr int WeightsAt = 0, ActivationsAt = WeightParts * Rows * RowBytes, SharedBytes = ActivationsAt + 3 * Tokens * RowBytes;

    // Of a thread: what it loads of a step, and its results.
    Piece piece;
    float w[Format::IsBlock ? 1 : 8][4];
    float x[4][4];
    float sums[2][4];

    __device__ static __forceinline__ const uint8* weight_row(const SplitOperands& o, int tileRow)
    {
        const int row = Gated ? (tileRow >> 5) * 16 + (tileRow & 15) : tileRow;
        return (Gated && (tileRow & 16) ? o.second : o.weights) + min(o.firstRow + row, o.rows - 1) * o.rowBytes;
    }

    __device__ static __forceinline__ int source_of(const SplitOperands& o, int token)
    {
        const int given = min(token, o.tokens - 1);
        return o.sources == nullptr ? o.firstSource + given : o.sources[given] / o.perSource;
    }

    __device__ __forceinline__ void load(const SplitOperands& o, int step)
    {
        const int at = step * Step;
        if constexpr (Format::IsBlock)
        {
            const int first = at + (threadIdx.x & 3) * 32, number = first / 32;
            if (first < o.width)
                piece = Format::unpack(weight_row(o, threadIdx.x >> 2) + (long long)(number / Format::Pieces) * Format::Bytes, number % Format::Pieces);
        }
        else
        {
#pragma unroll
            for (int i = 0; i < 8; i++)
                load_row4<Format>(w[i], weight_row(o, (threadIdx.x >> 5) + i * 8), at + (threadIdx.x & 31) * 4, o.width);
        }
#pragma unroll
        for (int i = 0; i < 4; i++)
            load_row4<F32>(x[i], (const uint8*)(o.x + (long long)source_of(o, (threadIdx.x >> 5) + i * 8) * o.width), at + (threadIdx.x & 31) * 4, o.width);
    }

    template <int Parts>
    __device__ static __forceinline__ void store4(float (&numbers)[4], uint8* destination, int partBytes)
    {
        uint2 parts[Parts];
        split4(numbers, parts);
#pragma unroll
        for (int i = 0; i < Parts; i++)
            *(uint2*)(destination + i * partBytes) = parts[i];
    }

    __device__ __forceinline__ void store(const SplitOperands& o, uint8* shared, int step)
    {
        if constexpr (Format::IsBlock)
        {
            const int first = step * Step + (threadIdx.x & 3) * 32, number = first / 32;
            uint8* row = shared + WeightsAt + (threadIdx.x >> 2) * RowBytes;
#pragma unroll
            for (int i = 0; i < 8; i++)
            {
                const int run = i >> 2;
                float numbers[4];
#pragma unroll
                for (int j = 0; j < 4; j++)
                    numbers[j] = first < o.width ? fmaf(piece.scale[run], (float)(int8)(piece.codes[i] >> (8 * j)), -piece.minimum[run]) : 0;
                const int begin = (number / Format::Pieces) * Format::Length + Format::start(number % Format::Pieces, run) + (i & 3) * 4;
                store4<WeightParts>(numbers, row + (begin % Step) * 2, Rows * RowBytes);
            }
        }
        else
        {
#pragma unroll
            for (int i = 0; i < 8; i++)
                store4<WeightParts>(w[i], shared + WeightsAt + ((threadIdx.x >> 5) + i * 8) * RowBytes + (threadIdx.x & 31) * 8, Rows * RowBytes);
        }
#pragma unroll
        for (int i = 0; i < 4; i++)
            store4<3>(x[i], shared + ActivationsAt + ((threadIdx.x >> 5) + i * 8) * RowBytes + (threadIdx.x & 31) * 8, Tokens * RowBytes);
    }

    // A warp multiplies 32 rows with 8 tokens.
    __device__ __forceinline__ void multiply(const uint8* shared)
    {
        const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
        const uint8* rows = shared + WeightsAt + ((warp >> 2) * 32 + (lane & 15)) * RowBytes + (lane >> 4) * 16;
        const uint8* tokens = shared + ActivationsAt + ((warp & 3) * 8 + (lane & 7)) * RowBytes + ((lane >> 3) & 1) * 16;
        float part[2][4] = {};
#pragma unroll 2
        for (int k = 0; k < Step / 16; k++)
        {
            uint32 b[3][2];
#pragma unroll
            for (int j = 0; j < 3; j++)
                ldmatrix_x2(b[j], tokens + j * Tokens * RowBytes + k * 32);
            // The smallest first.
#pragma unroll
            for (int i = WeightParts - 1; i >= 0; i--)
            {
#pragma unroll
                for (int m = 0; m < 2; m++)
                {
                    uint32 a[4];
                    ldmatrix_x4(a, rows + (i * Rows + m * 16) * RowBytes + k * 32);
#pragma unroll
                    for (int j = 2 - i; j >= 0; j--)
                        mma_m16n8k16_bf16(part[m], a, b[j][0], b[j][1]);
                }
            }
        }
#pragma unroll
        for (int m = 0; m < 2; m++)
#pragma unroll
            for (int i = 0; i < 4; i++)
                sums[m][i] += part[m][i];
    }

    // Computes the tile's sums.
    __device__ __forceinline__ void run(const SplitOperands& o, uint8* shared)
    {
#pragma unroll
        for (int m = 0; m < 2; m++)
#pragma unroll
            for (int i = 0; i < 4; i++)
                sums[m][i] = 0;
        const int steps = (o.width + Step - 1) / Step;
        load(o, 0);
        for (int step = 0; step < steps; step++)
        {
            __syncthreads();
            store(o, shared, step);
            __syncthreads();
            if (step + 1 < steps)
                load(o, step + 1);
            multiply(shared);
        }
    }

    // Calls store(row of the matrix, token of the tile, value) for each result; gated, store(row, token, gate, up).
    template <class Store>
    __device__ __forceinline__ void each(const SplitOperands& o, Store store) const
    {
        const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, g = lane >> 2, t = lane & 3;
#pragma unroll
        for (int m = 0; m < (Gated ? 1 : 2); m++)
#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                const int row = o.firstRow + (warp >> 2) * (Gated ? 16 : 32) + m * 16 + g + (i >> 1) * 8, token = (warp & 3) * 8 + 2 * t + (i & 1);
                if (row >= o.rows || token >= o.tokens)
                    continue;
                if constexpr (Gated)
                    store(row, token, sums[0][i], sums[1][i]);
                else
                    store(row, token, sums[m][i]);
            }
    }
};
