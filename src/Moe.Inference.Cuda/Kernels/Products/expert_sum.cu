// The last product of the chosen experts' networks and their weighted sum: y[t][n] = sum over slots s of factor[t][s] * (sum over i of
// w[expert][n][i] * x[t][s][i]), products and sums rounded one by one as in the composed form. A block takes some of the rows n for one
// token; experts that are not among the weights add nothing.
//
// Follows gate and up, which lets it begin when ids and factors are there: weights come before what they are multiplied with.
#include "geometry.cuh"
#include "float_dot.cuh"
#include "row_stream.cuh"

// The token's slots whose experts are among the weights.
struct Slots
{
    int count;
    int slot[32], matrix[32];
    float factor[32];
};

// All threads of the block call it together.
__device__ __forceinline__ void find_slots(Slots& slots, const ExpertSumGeometry& g)
{
    const int lane = threadIdx.x;
    if (lane < 32)
    {
        const int at = blockIdx.x * g.used + lane;
        const int matrix = lane < g.used ? g.ids[at] - g.firstExpert : -1;
        const bool here = (unsigned)matrix < (unsigned)g.experts;
        const uint32 all = __ballot_sync(0xFFFFFFFFu, here);
        const int place = __popc(all & ((1u << lane) - 1));
        if (here)
        {
            slots.slot[place] = lane;
            slots.matrix[place] = matrix;
            slots.factor[place] = g.factors[at];
        }
        if (lane == 0)
            slots.count = __popc(all);
    }
    __syncthreads();
}

// Rounded activations: a warp's items are the slots of its first pair of rows, then those of the next.
template <class F>
__device__ __forceinline__ void rounded(const ExpertSumGeometry& g, const Slots& slots, int begin, int end)
{
    const int lane = threadIdx.x & 31, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    uint8* memory = dynamic_shared();
    const int first = begin + 2 * warp, stride = 2 * warps, count = slots.count;
    const SharedRows<F> x = {memory + warps * Ring<F>::Bytes, count, g.width}; // nobody wrote those of the other slots
    const int pairs = max(0, (end - first + stride - 1) / stride);
    float* y = g.y + (long long)blockIdx.x * g.rows;
    float total = 0;
    stream_rows<F, 1>(
        x, memory + warp * Ring<F>::Bytes, pairs * count,
        [&](int item, int r)
        {
            const int pair = item / count, row = min(first + pair * stride + r, g.rows - 1);
            return g.weights + slots.matrix[item - pair * count] * g.matrixBytes + row * g.rowBytes;
        },
        [&](int item) { return item % count; },
        [&]()
        {
            grid_dependency_wait();
            x.fill_from([&](int row) { return g.x + ((long long)blockIdx.x * g.used + slots.slot[row]) * g.width; });
            __syncthreads();
        },
        [&](int item, const float (&parts)[2][1])
        {
            const int pair = item / count, place = item - pair * count;
            float sums[2] = {parts[0][0], parts[1][0]};
            const float product = __fmul_rn(slots.factor[place], warp_sums<2>(sums, lane)); // of the first row in lanes 0 .. 15, of the second in the others
            total = place == 0 ? product : __fadd_rn(total, product);
            const int row = first + pair * stride + lane / 16;
            if (place == count - 1 && lane % 16 == 0 && row < end)
                y[row] = total;
        });
}

// Floats: `split` warps share a row.
template <class F>
__device__ __forceinline__ void floats(const ExpertSumGeometry& g, const Slots& slots, int begin, int end)
{
    __shared__ float parts[8];
    const int lane = threadIdx.x & 31, warp = threadIdx.x / 32;
    const int part = warp % g.split, row = begin + warp / g.split;
    float total = 0;
    if (row < end)
    {
        for (int place = 0; place < slots.count; place++)
        {
            float sum[1] = {};
            const uint8* weights = g.weights + slots.matrix[place] * g.matrixBytes + row * g.rowBytes;
            const float* x = g.x + ((long long)blockIdx.x * g.used + slots.slot[place]) * g.width;
            add_float_products<F, 1>(weights, x, g.width, part, g.split, sum);
            total = fmaf(slots.factor[place], sum[0], total);
        }
    }
    total = warp_sum(total);
    if (lane == 0)
        parts[warp] = total;
    __syncthreads();
    if (part != 0 || lane != 0 || row >= end)
        return;
    for (int i = 1; i < g.split; i++)
        total += parts[warp + i];
    g.y[(long long)blockIdx.x * g.rows + row] = total;
}

template <class F>
__device__ __forceinline__ void products(const ExpertSumGeometry& g)
{
    __shared__ Slots slots;
    const int begin = blockIdx.y * g.perBlock, end = min(g.rows, begin + g.perBlock);
    find_slots(slots, g);
    if (slots.count == 0)
    {
        grid_dependency_wait();
        for (int row = begin + threadIdx.x; row < end; row += blockDim.x)
            g.y[(long long)blockIdx.x * g.rows + row] = 0;
        return;
    }
    if constexpr (F::IsBlock && !EXACT)
    {
        rounded<F>(g, slots, begin, end);
    }
    else
    {
        grid_dependency_wait();
        floats<F>(g, slots, begin, end);
    }
}

extern "C" __global__ void __launch_bounds__(256) expert_sum(const ExpertSumGeometry g)
{
    grid_dependency_launch();
    products<Format>(g);
}
