// The greatest COUNT logits of a row and the sum of e^(x - greatest), a block per row. See TopLogitsOp.
//
// The row is read twice. The first time each thread finds the greatest of its logits, and each of the 32 warps two of 32 such: all of
// these 64 are among the row's, so that none of the greatest 64 lies below the least of them. The second time those that do not are
// collected, a few hundred of them as a rule, and each finds its rank by comparing itself with all others. Where they are too many, as
// many of them are equal, the greatest are found one after the other.
#include "geometry.cuh"
#include "ptx.cuh"
#include "float_order.cuh"
#include "reductions.cuh"

constexpr int Threads = 1024, Warps = Threads / 32, Capacity = 1024, LogitsAt = 2, ResultWidth = LogitsAt + 2 * COUNT;
static_assert(COUNT <= 2 * Warps, "each warp knows of two");

// A logit with its token, in the order of the result: greater ones first, of equal ones the lower token.
__device__ __forceinline__ uint64 key_of(int order, int token)
{
    return (uint64)((uint32)order ^ 0x80000000u) << 32 | (uint32)~token;
}

__device__ __forceinline__ int token_of(uint64 key)
{
    return (int)~(uint32)key;
}

struct Found
{
    int greatest[Warps], second[Warps];
    int unusable, count;
    float scratch[32];
    uint64 keys[Capacity];
};

// Calls visit(x, token) for the calling thread's logits.
template <class Visit>
__device__ __forceinline__ void each_logit(const float* row, int width, Visit visit)
{
    // With fewer, some threads would have none.
    if (width % 4 == 0 && width >= 4 * Threads)
    {
#pragma unroll 4
        for (int at = 4 * threadIdx.x; at < width; at += 4 * Threads)
        {
            const float4 x = *(const float4*)(row + at);
            visit(x.x, at);
            visit(x.y, at + 1);
            visit(x.z, at + 2);
            visit(x.w, at + 3);
        }
    }
    else
    {
        for (int at = threadIdx.x; at < width; at += Threads)
            visit(row[at], at);
    }
}

__device__ __forceinline__ void put(const TopLogitsGeometry& g, const float* row, int rank, int token)
{
    float* result = g.result + (long long)blockIdx.x * ResultWidth;
    result[LogitsAt + rank] = token < 0 ? 0.0f : row[token];
    result[LogitsAt + COUNT + rank] = (float)token;
}

// The greatest key below another one.
__device__ __forceinline__ uint64 next_below(const float* row, int width, uint64 bound, uint64* scratch)
{
    uint64 best = 0;
    each_logit(row, width, [&](float x, int token)
    {
        const uint64 key = key_of(order_of(x), token);
        best = x > negative_infinity() && key < bound && key > best ? key : best;
    });
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2)
        best = max(best, (uint64)__shfl_xor_sync(0xFFFFFFFFu, best, distance));
    __syncthreads();
    if (threadIdx.x % 32 == 0)
        scratch[threadIdx.x / 32] = best;
    __syncthreads();
    for (int warp = 0; warp < Warps; warp++)
        best = max(best, scratch[warp]);
    return best;
}

extern "C" __global__ void __launch_bounds__(Threads) top_logits(const TopLogitsGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    __shared__ Found found;
    const float* row = g.logits + (long long)blockIdx.x * g.width;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    if (threadIdx.x == 0)
        found.unusable = found.count = 0;
    __syncthreads();

    int own = BelowAll;
    bool bad = false;
    each_logit(row, g.width, [&](float x, int)
    {
        own = max(own, order_of(x));
        bad |= !(x <= 3.402823466e38f); // NaN and infinity
    });
    const int most = __reduce_max_sync(0xFFFFFFFFu, own);
    const int holder = __ffs(__ballot_sync(0xFFFFFFFFu, own == most)) - 1;
    const int second = __reduce_max_sync(0xFFFFFFFFu, lane == holder ? BelowAll : own);
    if (lane == 0)
    {
        found.greatest[warp] = most;
        found.second[warp] = second;
    }
    if (bad)
        found.unusable = 1;
    __syncthreads();

    int greatest = BelowAll, least = 0x7FFFFFFF;
    for (int i = 0; i < Warps; i++)
    {
        greatest = max(greatest, found.greatest[i]);
        least = min(least, found.second[i]);
    }
    float* result = g.result + (long long)blockIdx.x * ResultWidth;
    if (found.unusable || greatest == order_of(negative_infinity()))
    {
        if (threadIdx.x == 0)
            result[0] = result[1] = 0;
        if (threadIdx.x < COUNT)
            put(g, row, threadIdx.x, -1);
        return;
    }

    const float top = __int_as_float(greatest >= 0 ? greatest : greatest ^ 0x7FFFFFFF);
    float sum = 0;
    each_logit(row, g.width, [&](float x, int token)
    {
        sum += exp2_approximate((x - top) * 1.44269504f);
        const int order = order_of(x);
        if (order >= least && x > negative_infinity())
        {
            const int place = atomicAdd(&found.count, 1);
            if (place < Capacity)
                found.keys[place] = key_of(order, token);
        }
    });
    // With a barrier, after which all keys are there.
    sum = block_sum(sum, found.scratch);
    if (threadIdx.x == 0)
    {
        result[0] = sum;
        result[1] = 0;
    }

    const int count = found.count;
    if (count <= Capacity)
    {
        if (threadIdx.x < count)
        {
            const uint64 key = found.keys[threadIdx.x];
            int rank = 0;
            for (int i = 0; i < count; i++)
                rank += found.keys[i] > key;
            if (rank < COUNT)
                put(g, row, rank, token_of(key));
        }
        if (threadIdx.x >= count && threadIdx.x < COUNT)
            put(g, row, threadIdx.x, -1);
        return;
    }

    uint64 bound = ~0ull;
    for (int rank = 0; rank < COUNT; rank++)
    {
        bound = next_below(row, g.width, bound, found.keys);
        if (threadIdx.x == 0)
            put(g, row, rank, token_of(bound));
    }
}
