// Products of one matrix with up to eight rows of activations: y[t][n] = sum over i of w[n][i] * x[t][i] + bias[n]. Each row of weights is
// read once for all of them.
#include "geometry.cuh"
#include "float_dot.cuh"
#include "row_stream.cuh"

__device__ __forceinline__ void store(const MatVecGeometry& g, int token, int row, float sum)
{
    g.y[(long long)token * g.rows + row] = g.bias ? sum + g.bias[row] : sum;
}

// Rounded activations: each warp takes pairs of rows from the block's part of the matrix.
template <class F, int T>
__device__ __forceinline__ void rounded(const MatVecGeometry& g)
{
    constexpr int Half = next_power_of_two(T), N = 2 * Half;
    const int lane = threadIdx.x & 31, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    uint8* memory = dynamic_shared();
    const SharedRows<F> x = {memory + warps * Ring<F>::Bytes, T, g.width};
    const int first = blockIdx.x * g.perBlock + 2 * warp, end = min(g.rows, (blockIdx.x + 1) * g.perBlock), stride = 2 * warps;
    stream_rows<F, T>(
        x, memory + warp * Ring<F>::Bytes, (end - first + stride - 1) / stride,
        [&](int item, int r) { return g.weights + min(first + item * stride + r, g.rows - 1) * g.rowBytes; },
        [](int) { return 0; },
        [&]()
        {
            grid_dependency_wait();
            x.fill(g.x);
            __syncthreads();
        },
        [&](int item, const float (&parts)[2][T])
        {
            float sums[N];
#pragma unroll
            for (int i = 0; i < N; i++)
                sums[i] = i % Half < T ? parts[i / Half][i % Half] : 0;
            const float sum = warp_sums<N>(sums, lane);
            const int which = lane / (32 / N), row = first + item * stride + which / Half, token = which % Half;
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
    grid_dependency_wait();
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
