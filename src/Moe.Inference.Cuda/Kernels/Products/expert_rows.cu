// Products of the chosen experts' matrices: entry e is a chosen expert of a token, ids[e], and its activations are row e / perSource of x.
// A block takes some of the matrix's rows for one entry; of rounded activations, for several entries of the same expert at once.
#include "geometry.cuh"
#include "activations.cuh"
#include "float_dot.cuh"
#include "row_stream.cuh"

// The most entries of an expert that meet its rows together.
constexpr int MostTogether = TOGETHER;

// Where an entry's expert's matrix begins, counted in matrices; -1 if it is not among the weights.
__device__ __forceinline__ int matrix_of(const ExpertRowsGeometry& g, int entry)
{
    const int matrix = g.ids[entry] - g.firstExpert;
    return (unsigned)matrix < (unsigned)g.experts ? matrix : -1;
}

// Rows of experts that are elsewhere are zero.
__device__ __forceinline__ void store_zeros(const ExpertRowsGeometry& g, int begin, int end)
{
    for (int row = begin + threadIdx.x; row < end; row += blockDim.x)
        g.y[(long long)blockIdx.x * g.rows + row] = 0;
}

// The entries that a block takes: its own and the next ones of the same expert. None, if it comes with one before.
struct Together
{
    int count;
    int entry[MostTogether];

    // Each warp finds them by itself, a lane looking at every 32nd entry.
    __device__ __forceinline__ explicit Together(const ExpertRowsGeometry& g)
    {
        const int lane = threadIdx.x & 31, own = blockIdx.x, expert = g.ids[own];
        int before = 0;
        count = 0;
        for (int first = 0; first < g.entries; first += 32)
        {
            const int at = first + lane;
            const uint32 same = __ballot_sync(0xFFFFFFFFu, at < g.entries && g.ids[at] == expert);
            if (first + 32 <= own)
            {
                before += __popc(same);
                continue;
            }
            uint32 later = same;
            if (first <= own)
            {
                const uint32 earlier = (1u << (own - first)) - 1;
                before += __popc(same & earlier);
                later &= ~earlier;
            }
#pragma unroll
            for (int i = 0; i < MostTogether; i++)
            {
                if (i >= count && i < g.together && later != 0)
                {
                    entry[i] = first + __ffs(later) - 1;
                    later &= later - 1;
                    count = i + 1;
                }
            }
        }
        if (before % g.together != 0)
            count = 0;
    }
};

// Rounded activations of T entries. A warp takes two neighbouring rows of one matrix at a time, or where there are gate and up, a row of
// each, whose results become one.
template <class F, bool Gated, int T>
__device__ __forceinline__ void rounded(const ExpertRowsGeometry& g, const Together& together, int matrix, int begin, int end)
{
    constexpr int PerItem = Gated ? 1 : 2, Half = next_power_of_two(T), N = 2 * Half;
    const int lane = threadIdx.x & 31, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    uint8* memory = dynamic_shared();
    const SharedRows<F> x = {memory + warps * Ring<F>::Bytes, T, g.width};
    const uint8* weights = g.weights + matrix * g.matrixBytes;
    const uint8* up = g.up + matrix * g.matrixBytes;
    const int first = begin + PerItem * warp, stride = PerItem * warps;
    const auto entry_of = [&](int t)
    {
        int entry = together.entry[0];
#pragma unroll
        for (int i = 1; i < T; i++)
            entry = t == i ? together.entry[i] : entry;
        return entry;
    };
    stream_rows<F, T>(
        x, memory + warp * Ring<F>::Bytes, (end - first + stride - 1) / stride,
        [&](int item, int r)
        {
            const int row = first + item * stride;
            return Gated ? (r == 0 ? weights : up) + row * g.rowBytes : weights + min(row + r, g.rows - 1) * g.rowBytes;
        },
        [](int) { return 0; },
        [&]()
        {
            if (g.idsAreOld)
                grid_dependency_wait();
            x.fill_from([&](int t) { return g.x + entry_of(t) / g.perSource * (long long)g.width; });
            __syncthreads();
        },
        [&](int item, const float (&parts)[2][T])
        {
            float sums[N];
#pragma unroll
            for (int i = 0; i < N; i++)
                sums[i] = i % Half < T ? parts[i / Half][i % Half] : 0;
            // Sums of the first row in lanes 0 .. 15, of the second in the others.
            const float sum = warp_sums<N>(sums, lane);
            const int which = lane / (32 / N), t = which % Half, row = first + item * stride;
            const bool mine = lane % (32 / N) == 0 && t < T;
            float* y = g.y + (long long)entry_of(t) * g.rows;
            if constexpr (Gated)
            {
                const float other = __shfl_down_sync(0xFFFFFFFFu, sum, 16);
                if (mine && lane < 16)
                    y[row] = ACTIVATION(sum) * other;
            }
            else if (mine && row + which / Half < end)
            {
                y[row + which / Half] = sum;
            }
        });
}

template <class F, bool Gated, int T = MostTogether>
__device__ __forceinline__ void rounded(const ExpertRowsGeometry& g, const Together& together, int matrix, int begin, int end, int count)
{
    if (count == T)
        rounded<F, Gated, T>(g, together, matrix, begin, end);
    else if constexpr (T > 1)
        rounded<F, Gated, T - 1>(g, together, matrix, begin, end, count);
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
    if (!g.idsAreOld)
        grid_dependency_wait();
    // From here on, what comes next may rely on ids and all else that was there before this kernel.
    grid_dependency_launch();
    const int matrix = matrix_of(g, blockIdx.x);
    if constexpr (F::IsBlock && !EXACT)
    {
        if (matrix >= 0)
        {
            // A block that takes nothing ends at once; the one that takes its entry waits.
            const Together together(g);
            rounded<F, Gated>(g, together, matrix, begin, end, together.count);
            return;
        }
    }
    if (g.idsAreOld)
        grid_dependency_wait();
    if constexpr (!F::IsBlock || EXACT)
    {
        if (matrix >= 0)
            floats<F, Gated>(g, matrix, begin);
    }
    // Nobody reads hidden rows of experts that are elsewhere.
    if (!Gated && matrix < 0)
        store_zeros(g, begin, end);
}

// y[e][n] = sum over i of w[expert][n][i] * x[i]
extern "C" __global__ void __launch_bounds__(256, 3) single(const ExpertRowsGeometry g)
{
    products<Format, false>(g);
}

// y[e][n] = f(gate) * up with the products of both matrices' rows n.
extern "C" __global__ void __launch_bounds__(256, 3) gated(const ExpertRowsGeometry g)
{
    products<Format, true>(g);
}
