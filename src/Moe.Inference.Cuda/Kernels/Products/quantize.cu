// Rounds rows of activations to 8 bits, for products that read them more than once: a warp takes 256 activations of a row.
#include "geometry.cuh"
#include "ptx.cuh"
#include "q8_row.cuh"

template <int Block>
__device__ __forceinline__ void quantize(const QuantizeGeometry& g)
{
    const int lane = threadIdx.x & 31;
    const int begin = (blockIdx.y * (blockDim.x / 32) + threadIdx.x / 32) * 256;
    if (begin >= g.width)
        return;
    const long long row = blockIdx.x;
    if (g.present != nullptr && row >= *g.present)
        return;
    const int at = begin + 8 * lane;
    const bool valid = at < g.width;
    const Q8Part part = round_to_8_bits<Block>(load_eight(g.x + row * g.width + at, valid));
    if (!valid)
        return;
    *(uint2*)(g.codes + row * g.width + at) = part.codes;
    if (at % Block == 0)
        g.scales[row * (g.width / Block) + at / Block] = part.scale;
    if (at % 32 == 0)
        g.sums[row * (g.width / 32) + at / 32] = part.sum;
}

extern "C" __global__ void __launch_bounds__(128) blocks_of_256(const QuantizeGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    quantize<256>(g);
}

extern "C" __global__ void __launch_bounds__(128) blocks_of_32(const QuantizeGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    quantize<32>(g);
}
