// Products of one matrix with up to eight rows of activations: y[t][n] = sum over i of w[n][i] * x[t][i] + bias[n]. Each row of weights is
// read once for all of them.
#include "geometry.cuh"
#include "float_dot.cuh"
#include "row_stream.cuh"

__device__ __forceinline__ void store(const MatVecGeometry& g, int token, int row, float sum)
{
    g.y[(long long)token * g.rows + row] = g.bias ? sum + g.bias[row] : sum;
}

// Rounded activations: each warp takes groups of rows from the block's part of the matrix.
template <class F, int T>
__device__ __forceinline__ void rounded(const MatVecGeometry& g)
{
    constexpr int R = T == 1 ? 1 : 2, N = R * next_power_of_two(T);
    const int lane = threadIdx.x & 31, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    uint8* memory = dynamic_shared();
    const SharedRows<F> x = {memory + warps * Ring<F, R>::Bytes, T, g.width};
    const int begin = blockIdx.x * g.perBlock, end = min(g.rows, begin + g.perBlock);
    stream_rows<F, R, T>(
        x, memory + warp * Ring<F, R>::Bytes, begin / R + warp, (end + R - 1) / R, warps,
        [&](int group, int r) { return g.weights + min(group * R + r, g.rows - 1) * g.rowBytes; },
        [&]()
        {
            x.fill(g.x);
            __syncthreads();
        },
        [&](int group, const float (&parts)[R][T])
        {
            float sums[N];
#pragma unroll
            for (int i = 0; i < N; i++)
                sums[i] = i % (N / R) < T ? parts[i / (N / R)][i % (N / R)] : 0;
            const float sum = warp_sums<N>(sums, lane);
            const int which = lane / (32 / N), row = group * R + which / (N / R), token = which % (N / R);
            if (lane % (32 / N) == 0 && row < end && token < T)
                store(g, token, row, sum);
        });
}

// Floats: `split` warps share a row.
template <class F, int T>
__device__ __forceinline__ void floats(const MatVecGeometry& g)
{
    __shared__ float parts[8][8];
    const int lane = threadIdx.x & 31, warp = threadIdx.x / 32;
    const int part = warp % g.split, row = blockIdx.x * g.perBlock + warp / g.split;
    float sums[T] = {};
    if (row < g.rows)
        add_float_products<F, T>(g.weights + row * g.rowBytes, g.x, g.width, part, g.split, sums);
#pragma unroll
    for (int t = 0; t < T; t++)
        sums[t] = warp_sum(sums[t]);
    if (lane == 0)
    {
#pragma unroll
        for (int t = 0; t < T; t++)
            parts[warp][t] = sums[t];
    }
    __syncthreads();
    if (part != 0 || lane >= T || row >= g.rows)
        return;
    float sum = parts[warp][lane];
    for (int i = 1; i < g.split; i++)
        sum += parts[warp + i][lane];
    store(g, lane, row, sum);
}

template <class F, int T>
__device__ __forceinline__ void products(const MatVecGeometry& g)
{
    if constexpr (F::IsBlock && !EXACT)
        rounded<F, T>(g);
    else
        floats<F, T>(g);
}

#define ENTRY(T) \
    extern "C" __global__ void __launch_bounds__(256) tokens##T(const MatVecGeometry g) { products<Format, T>(g); }

ENTRY(1)
ENTRY(2)
ENTRY(3)
ENTRY(4)
ENTRY(5)
ENTRY(6)
ENTRY(7)
ENTRY(8)
