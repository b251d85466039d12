// Products of up to four matrices of one format with up to eight rows of activations: y[t][n] = sum over i of w[n][i] * x[t][i] + bias[n]
// for each matrix. Each row of weights is read once for all of them. A block takes one group of so many rows of activations.
#include "geometry.cuh"
#include "float_dot.cuh"
#include "row_stream.cuh"

// The matrix that a block has rows of, and which they are.
struct Part
{
    const uint8* weights;
    float* y;
    const float* bias;
    int rows, begin, end;

    __device__ __forceinline__ explicit Part(const MatVecGeometry& g)
    {
        const int block = blockIdx.x;
        const int matrix = (block >= g.first1) + (block >= g.first2) + (block >= g.first3);
        weights = matrix == 0 ? g.weights0 : matrix == 1 ? g.weights1 : matrix == 2 ? g.weights2 : g.weights3;
        y = matrix == 0 ? g.y0 : matrix == 1 ? g.y1 : matrix == 2 ? g.y2 : g.y3;
        rows = matrix == 0 ? g.rows0 : matrix == 1 ? g.rows1 : matrix == 2 ? g.rows2 : g.rows3;
        bias = g.bias; // only where there is one matrix
        begin = (block - (matrix == 0 ? 0 : matrix == 1 ? g.first1 : matrix == 2 ? g.first2 : g.first3)) * g.perBlock;
        end = min(rows, begin + g.perBlock);
    }

    __device__ __forceinline__ void store(int token, int row, float sum) const
    {
        y[(long long)token * rows + row] = bias ? sum + bias[row] : sum;
    }
};

// Rounded activations: each warp takes pairs of rows from the block's part of the matrix.
template <class F, int T>
__device__ __forceinline__ void rounded(const MatVecGeometry& g)
{
    constexpr int Half = next_power_of_two(T), N = 2 * Half;
    const int lane = threadIdx.x & 31, warp = threadIdx.x / 32, warps = blockDim.x / 32, firstToken = blockIdx.y * T;
    uint8* memory = dynamic_shared();
    const SharedRows<F> x = {memory + warps * Ring<F>::Bytes, T, g.width};
    const Part part(g);
    const int first = part.begin + 2 * warp, stride = 2 * warps;
    stream_rows<F, T>(
        x, memory + warp * Ring<F>::Bytes, (part.end - first + stride - 1) / stride,
        [&](int item, int r) { return part.weights + min(first + item * stride + r, part.rows - 1) * g.rowBytes; },
        [](int) { return 0; },
        [&]()
        {
            grid_dependency_wait();
            x.fill(g.x + (long long)firstToken * g.width);
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
            if (lane % (32 / N) == 0 && row < part.end && token < T)
                part.store(firstToken + token, row, sum);
        });
}

// Floats: `split` warps share a row.
template <class F, int T>
__device__ __forceinline__ void floats(const MatVecGeometry& g)
{
    __shared__ float shared[8][8];
    const int lane = threadIdx.x & 31, warp = threadIdx.x / 32, firstToken = blockIdx.y * T;
    const Part part(g);
    const int share = warp % g.split, row = part.begin + warp / g.split;
    float sums[T] = {};
    // Weights do not depend on the kernel before.
    if (row < part.end)
    {
        for (long long at = (share * 32 + lane) * 128; at < g.rowBytes; at += g.split * 32 * 128)
            prefetch(part.weights + row * g.rowBytes + at);
    }
    grid_dependency_wait();
    if (row < part.end)
        add_float_products<F, T>(part.weights + row * g.rowBytes, g.x + (long long)firstToken * g.width, g.width, share, g.split, sums);
#pragma unroll
    for (int t = 0; t < T; t++)
        sums[t] = warp_sum(sums[t]);
    if (lane == 0)
    {
#pragma unroll
        for (int t = 0; t < T; t++)
            shared[warp][t] = sums[t];
    }
    __syncthreads();
    if (share != 0 || lane >= T || row >= part.end)
        return;
    float sum = shared[warp][lane];
    for (int i = 1; i < g.split; i++)
        sum += shared[warp + i][lane];
    part.store(firstToken + lane, row, sum);
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
    extern "C" __global__ void __launch_bounds__(256, 3) tokens##T(const MatVecGeometry g) { grid_dependency_launch(); products<Format, T>(g); }

ENTRY(1)
ENTRY(2)
ENTRY(3)
ENTRY(4)
ENTRY(5)
ENTRY(6)
ENTRY(7)
ENTRY(8)
