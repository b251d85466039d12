// Rows picked by number: of a table of any format, decoded to floats, or of a value. Row numbers outside the table give rows of NaN.
#include "geometry.cuh"
#include "ptx.cuh"
#include "formats.cuh"

__device__ __forceinline__ float not_a_number()
{
    return __uint_as_float(0x7FC00000u);
}

template <class F>
__device__ __forceinline__ void decode_row(const uint8* row, float* y, int width, bool known)
{
    const int thread = blockIdx.y * blockDim.x + threadIdx.x, threads = gridDim.y * blockDim.x;
    if constexpr (F::IsBlock)
    {
        for (int at = thread; at < width / 32; at += threads)
        {
            const int block = at / F::Pieces, piece = at % F::Pieces;
            const Piece w = F::unpack(row + (long long)block * F::Bytes, piece);
#pragma unroll
            for (int i = 0; i < 8; i++)
            {
                const float scale = known ? w.scale[i / 4] : not_a_number(), minimum = w.minimum[i / 4];
                float4 v;
                v.x = fmaf(scale, (float)(int8)w.codes[i], -minimum);
                v.y = fmaf(scale, (float)(int8)(w.codes[i] >> 8), -minimum);
                v.z = fmaf(scale, (float)(int8)(w.codes[i] >> 16), -minimum);
                v.w = fmaf(scale, (float)(int8)(w.codes[i] >> 24), -minimum);
                *(float4*)(y + block * F::Length + F::start(piece, i / 4) + i % 4 * 4) = v;
            }
        }
    }
    else
    {
        for (int at = thread; at < width; at += threads)
            y[at] = known ? F::load(row + (long long)at * F::Bytes) : not_a_number();
    }
}

extern "C" __global__ void gather(const GatherGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    const int id = g.ids[blockIdx.x];
    const bool known = (unsigned)id < (unsigned)g.tableRows;
    decode_row<Format>(g.table + (known ? id : 0) * g.rowBytes, g.y + (long long)blockIdx.x * g.width, g.width, known);
}
