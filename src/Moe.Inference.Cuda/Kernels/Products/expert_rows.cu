// Products of the chosen experts' matrices, one row of activations at a time: entry e is a chosen expert of a token, ids[e], and its
// activations are row e / perSource of x. A block takes some of the matrix's rows for one entry.
#include "geometry.cuh"
#include "activations.cuh"
#include "float_dot.cuh"
#include "row_stream.cuh"

// Where the block's expert's matrix begins, counted in matrices; -1 if it is not among the weights.
__device__ __forceinline__ int matrix_of(const ExpertRowsGeometry& g)
{
    const int matrix = g.ids[blockIdx.x] - g.firstExpert;
    return (unsigned)matrix < (unsigned)g.experts ? matrix : -1;
}

// Rows of experts that are elsewhere are zero.
__device__ __forceinline__ void store_zeros(const ExpertRowsGeometry& g, int begin, int end)
{
    for (int row = begin + threadIdx.x; row < end; row += blockDim.x)
        g.y[(long long)blockIdx.x * g.rows + row] = 0;
}

// Rounded activations. A warp takes two neighbouring rows of one matrix at a time, or where there are gate and up, a row of each, whose
// results become one.
template <class F, bool Gated>
__device__ __forceinline__ void rounded(const ExpertRowsGeometry& g, int matrix, int begin, int end)
{
    constexpr int PerItem = Gated ? 1 : 2;
    const int lane = threadIdx.x & 31, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    uint8* memory = dynamic_shared();
    const SharedRows<F> x = {memory + warps * Ring<F>::Bytes, 1, g.width};
    const uint8* weights = g.weights + matrix * g.matrixBytes;
    const uint8* up = g.up + matrix * g.matrixBytes;
    float* y = g.y + (long long)blockIdx.x * g.rows;
    const int first = begin + PerItem * warp, stride = PerItem * warps;
    stream_rows<F, 1>(
        x, memory + warp * Ring<F>::Bytes, (end - first + stride - 1) / stride,
        [&](int item, int r)
        {
            const int row = first + item * stride;
            return Gated ? (r == 0 ? weights : up) + row * g.rowBytes : weights + min(row + r, g.rows - 1) * g.rowBytes;
        },
        [](int) { return 0; },
        [&]()
        {
            x.fill(g.x + blockIdx.x / g.perSource * (long long)g.width);
            __syncthreads();
        },
        [&](int item, const float (&parts)[2][1])
        {
            float sums[2] = {parts[0][0], parts[1][0]};
            const float sum = warp_sums<2>(sums, lane); // of the first row in lanes 0 .. 15, of the second in the others
            const int row = first + item * stride;
            if constexpr (Gated)
            {
                const float other = __shfl_down_sync(0xFFFFFFFFu, sum, 16);
                if (lane == 0)
                    y[row] = ACTIVATION(sum) * other;
            }
            else if (lane % 16 == 0 && row + lane / 16 < end)
            {
                y[row + lane / 16] = sum;
            }
        });
}

// Floats: `split` warps share a row.
template <class F, bool Gated>
__device__ __forceinline__ void floats(const ExpertRowsGeometry& g, int matrix, int begin)
{
    __shared__ float gates[8], ups[8];
    const int lane = threadIdx.x & 31, warp = threadIdx.x / 32;
    const int part = warp % g.split, row = begin + warp / g.split;
    const long long at = matrix * g.matrixBytes + row * g.rowBytes;
    const float* x = g.x + blockIdx.x / g.perSource * (long long)g.width;
    float gate[1] = {}, up[1] = {};
    if (row < g.rows)
    {
        add_float_products<F, 1>(g.weights + at, x, g.width, part, g.split, gate);
        if (Gated)
            add_float_products<F, 1>(g.up + at, x, g.width, part, g.split, up);
    }
    gate[0] = warp_sum(gate[0]);
    up[0] = warp_sum(up[0]);
    if (lane == 0)
    {
        gates[warp] = gate[0];
        ups[warp] = up[0];
    }
    __syncthreads();
    if (part != 0 || lane != 0 || row >= g.rows)
        return;
    float first = gates[warp], second = ups[warp];
    for (int i = 1; i < g.split; i++)
    {
        first += gates[warp + i];
        second += ups[warp + i];
    }
    g.y[(long long)blockIdx.x * g.rows + row] = Gated ? ACTIVATION(first) * second : first;
}

template <class F, bool Gated>
__device__ __forceinline__ void products(const ExpertRowsGeometry& g)
{
    const int begin = blockIdx.y * g.perBlock, end = min(g.rows, begin + g.perBlock);
    grid_dependency_wait();
    const int matrix = matrix_of(g);
    if (matrix < 0)
    {
        // Nobody reads hidden rows of experts that are elsewhere.
        if (!Gated)
            store_zeros(g, begin, end);
        return;
    }
    if constexpr (F::IsBlock && !EXACT)
        rounded<F, Gated>(g, matrix, begin, end);
    else
        floats<F, Gated>(g, matrix, begin);
}

// y[e][n] = sum over i of w[expert][n][i] * x[i]
extern "C" __global__ void __launch_bounds__(256) single(const ExpertRowsGeometry g)
{
    grid_dependency_launch();
    products<Format, false>(g);
}

// y[e][n] = f(gate) * up with the products of both matrices' rows n.
extern "C" __global__ void __launch_bounds__(256) gated(const ExpertRowsGeometry g)
{
    grid_dependency_launch();
    products<Format, true>(g);
}
