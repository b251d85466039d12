// Sixteen query rows of one warp against tiles of keys and values, on tensor cores, with a running softmax in float32.
//
// Lanes: with g = lane / 4 and t = lane % 4, a lane holds of rows g and g + 8 every eighth pair of columns, beginning with 2t: what
// mma_m16n8k16 calls (g, 2t) (g, 2t+1) (g+8, 2t) (g+8, 2t+1). The scores' fragments are thereby the weights' fragments as they stand.
//
// Numbers: keys are halves, or sums of two. A query, scaled by a power of two, and a weight, which is at most 2^14, are each the sum of two
// halves, which together hold 22 bits; products are exact, sums float32. Values are halves; or signed bytes with a scale, which goes into
// the weight, and then weights are sums of three bfloat16.
#pragma once
#include "ptx.cuh"
#include "reductions.cuh"

// Where the rows of halves of one tile lie in shared memory: padded, so that eight rows lie in different banks.
template <int Width>
struct HalfRows
{
    static constexpr int Stride = Width + 8;

    // The address that ldmatrix wants of this lane for 16 rows from `row` and 16 columns from `column`. Row first: matrices 0 and 1 share
    // rows and 0 and 2 share columns; otherwise the other way round.
    template <bool RowFirst>
    static __device__ __forceinline__ const uint16* address(const uint16* rows, int row, int column)
    {
        int lane = threadIdx.x % 32, second = lane / 8 % 2 * 8, third = lane / 16 * 8;
        return rows + (row + lane % 8 + (RowFirst ? third : second)) * Stride + column + (RowFirst ? second : third);
    }
};

// x = high + low, nearly: 22 bits, none below 2^-24.
__device__ __forceinline__ void split_halves(float x, float y, uint32& high, uint32& low)
{
    high = pack_half2(x, y);
    float2 rounded = unpack_half2(high);
    low = pack_half2(x - rounded.x, y - rounded.y);
}

// x = a + b + c, exactly.
__device__ __forceinline__ void split_bf16(float x, float y, uint32& a, uint32& b, uint32& c)
{
    a = pack_bf16x2(x, y);
    float2 rounded = unpack_bf16x2(a);
    x -= rounded.x;
    y -= rounded.y;
    b = pack_bf16x2(x, y);
    rounded = unpack_bf16x2(b);
    c = pack_bf16x2(x - rounded.x, y - rounded.y);
}

template <int KeyWidth, int ValueWidth>
struct FlashRows
{
    // Weights are scaled by 2^14, so that their low halves keep their bits; it cancels when sums are divided by totals.
    static constexpr float WeightExponent = 14.0f;

    uint32 high[KeyWidth / 16][4], low[KeyWidth / 16][4];
    float factor[2];
    float sum[ValueWidth / 8][4];
    float most[2]; // of scores times log2(e)
    float total[2]; // this lane's share of it

    // Rows g and g + 8; null for none.
    __device__ __forceinline__ void begin(const float* first, const float* second, float scale)
    {
        const float* rows[2] = { first, second };
        float power[2];
        int pair = threadIdx.x % 4 * 2;
        #pragma unroll
        for (int r = 0; r < 2; r++)
        {
            float greatest = 0;
            if (rows[r] != nullptr)
            {
                #pragma unroll
                for (int i = pair; i < KeyWidth; i += 8)
                {
                    float2 x = *(const float2*)(rows[r] + i);
                    greatest = fmaxf(greatest, fmaxf(fabsf(x.x), fabsf(x.y)));
                }
            }

            greatest = fmaxf(greatest, __shfl_xor_sync(0xFFFFFFFFu, greatest, 1));
            greatest = fmaxf(greatest, __shfl_xor_sync(0xFFFFFFFFu, greatest, 2));
            // 2^13 <= power * greatest < 2^14, where there is such a power.
            int exponent = __float_as_int(greatest) >> 23;
            power[r] = __int_as_float(min(267 - exponent, 254) << 23);
            factor[r] = scale * 1.44269504f / power[r];
            most[r] = negative_infinity();
            total[r] = 0;
        }

        #pragma unroll
        for (int k = 0; k < KeyWidth / 16; k++)
        {
            #pragma unroll
            for (int i = 0; i < 4; i++)
            {
                const float* row = rows[i % 2];
                int column = 16 * k + i / 2 * 8 + pair;
                float2 x = row != nullptr ? *(const float2*)(row + column) : make_float2(0, 0);
                split_halves(x.x * power[i % 2], x.y * power[i % 2], high[k][i], low[k][i]);
            }
        }

        #pragma unroll
        for (int j = 0; j < ValueWidth / 8; j++)
            sum[j][0] = sum[j][1] = sum[j][2] = sum[j][3] = 0;
    }

    // scores = query * key, not yet scaled; keys are halves, or sums of two.
    template <int Keys, bool AreSums>
    __device__ __forceinline__ void multiply_keys(float (&scores)[Keys / 8][4], const uint16* keys, const uint16* keysLow) const
    {
        // Few keys make few sums, whose products would wait for each other: small ones get sums of their own, where registers allow.
        constexpr bool Apart = Keys == 16;
        float small[2][4] = { };
        #pragma unroll
        for (int j = 0; j < Keys / 8; j++)
            scores[j][0] = scores[j][1] = scores[j][2] = scores[j][3] = 0;
        #pragma unroll
        for (int k = 0; k < KeyWidth / 16; k++)
        {
            #pragma unroll
            for (int j = 0; j < Keys / 16; j++)
            {
                uint32 b[4];
                ldmatrix_x4(b, HalfRows<KeyWidth>::template address<true>(keys, 16 * j, 16 * k));
                #pragma unroll
                for (int half = 0; half < 2; half++)
                {
                    mma_m16n8k16_f16(scores[2 * j + half], high[k], b[2 * half], b[2 * half + 1]);
                    mma_m16n8k16_f16(Apart ? small[half] : scores[2 * j + half], low[k], b[2 * half], b[2 * half + 1]);
                }

                if (AreSums)
                {
                    ldmatrix_x4(b, HalfRows<KeyWidth>::template address<true>(keysLow, 16 * j, 16 * k));
                    #pragma unroll
                    for (int half = 0; half < 2; half++)
                        mma_m16n8k16_f16(Apart ? small[half] : scores[2 * j + half], high[k], b[2 * half], b[2 * half + 1]);
                }
            }
        }

        if (Apart)
        {
            #pragma unroll
            for (int i = 0; i < 8; i++)
                scores[i / 4][i % 4] += small[i / 4][i % 4];
        }
    }

    // Turns scores into weights; what was summed before is scaled to the new maximum. A row sees as many of the tile's keys as its limit says.
    template <int Keys>
    __device__ __forceinline__ void weigh(float (&scores)[Keys / 8][4], const int (&limits)[2])
    {
        int pair = threadIdx.x % 4 * 2;
        float greatest[2] = { most[0], most[1] };
        #pragma unroll
        for (int j = 0; j < Keys / 8; j++)
        {
            #pragma unroll
            for (int i = 0; i < 4; i++)
            {
                int r = i / 2;
                scores[j][i] = 8 * j + pair + i % 2 < limits[r] ? scores[j][i] * factor[r] : negative_infinity();
                greatest[r] = fmaxf(greatest[r], scores[j][i]);
            }
        }

        float before[2], shift[2];
        #pragma unroll
        for (int r = 0; r < 2; r++)
        {
            greatest[r] = fmaxf(greatest[r], __shfl_xor_sync(0xFFFFFFFFu, greatest[r], 1));
            greatest[r] = fmaxf(greatest[r], __shfl_xor_sync(0xFFFFFFFFu, greatest[r], 2));
            // A row that has seen nothing yet has no maximum to subtract.
            float safe = greatest[r] == negative_infinity() ? 0.0f : greatest[r];
            before[r] = exp2_approximate(most[r] - safe);
            shift[r] = safe - WeightExponent;
            most[r] = greatest[r];
            total[r] *= before[r];
        }

        #pragma unroll
        for (int j = 0; j < Keys / 8; j++)
        {
            #pragma unroll
            for (int i = 0; i < 4; i++)
            {
                scores[j][i] = exp2_approximate(scores[j][i] - shift[i / 2]);
                total[i / 2] += scores[j][i];
            }
        }

        #pragma unroll
        for (int j = 0; j < ValueWidth / 8; j++)
        {
            #pragma unroll
            for (int i = 0; i < 4; i++)
                sum[j][i] *= before[i / 2];
        }
    }

    // sum += weight * value; values are halves.
    template <int Keys>
    __device__ __forceinline__ void add_halves(const float (&weights)[Keys / 8][4], const uint16* values)
    {
        #pragma unroll
        for (int k = 0; k < Keys / 16; k++)
        {
            uint32 a[4], rest[4];
            #pragma unroll
            for (int i = 0; i < 4; i++)
                split_halves(weights[2 * k + i / 2][i % 2 * 2], weights[2 * k + i / 2][i % 2 * 2 + 1], a[i], rest[i]);
            #pragma unroll
            for (int j = 0; j < ValueWidth / 16; j++)
            {
                uint32 b[4];
                ldmatrix_x4_trans(b, HalfRows<ValueWidth>::template address<false>(values, 16 * k, 16 * j));
                #pragma unroll
                for (int half = 0; half < 2; half++)
                {
                    mma_m16n8k16_f16(sum[2 * j + half], a, b[2 * half], b[2 * half + 1]);
                    mma_m16n8k16_f16(sum[2 * j + half], rest, b[2 * half], b[2 * half + 1]);
                }
            }
        }
    }

    // sum += weight * scale * code; codes are bfloat16, and scale(key, block) belongs to the 32 elements of a key's block.
    template <int Keys, class Scale>
    __device__ __forceinline__ void add_codes(const float (&weights)[Keys / 8][4], const uint16* codes, const Scale& scale)
    {
        int pair = threadIdx.x % 4 * 2;
        #pragma unroll
        for (int k = 0; k < Keys / 16; k++)
        {
            #pragma unroll
            for (int block = 0; block < ValueWidth / 32; block++)
            {
                uint32 a[4], second[4], third[4];
                #pragma unroll
                for (int half = 0; half < 2; half++)
                {
                    int key = 16 * k + 8 * half + pair;
                    float x = scale(key, block), y = scale(key + 1, block);
                    const float (&w)[4] = weights[2 * k + half];
                    split_bf16(w[0] * x, w[1] * y, a[2 * half], second[2 * half], third[2 * half]);
                    split_bf16(w[2] * x, w[3] * y, a[2 * half + 1], second[2 * half + 1], third[2 * half + 1]);
                }

                #pragma unroll
                for (int j = 2 * block; j < 2 * block + 2; j++)
                {
                    uint32 b[4];
                    ldmatrix_x4_trans(b, HalfRows<ValueWidth>::template address<false>(codes, 16 * k, 16 * j));
                    #pragma unroll
                    for (int half = 0; half < 2; half++)
                    {
                        mma_m16n8k16_bf16(sum[2 * j + half], a, b[2 * half], b[2 * half + 1]);
                        mma_m16n8k16_bf16(sum[2 * j + half], second, b[2 * half], b[2 * half + 1]);
                        mma_m16n8k16_bf16(sum[2 * j + half], third, b[2 * half], b[2 * half + 1]);
                    }
                }
            }
        }
    }

    // Totals of the rows, no longer of the lanes.
    __device__ __forceinline__ void finish()
    {
        #pragma unroll
        for (int r = 0; r < 2; r++)
        {
            total[r] += __shfl_xor_sync(0xFFFFFFFFu, total[r], 1);
            total[r] += __shfl_xor_sync(0xFFFFFFFFu, total[r], 2);
        }
    }
};
