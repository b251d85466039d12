// Products of rows with their experts' matrices, for many rows: each block of threads takes one piece of an expert's sorted rows (group_rows.cu)
// and a tile of the matrix's rows. Weights in blocks of one FORMAT. A tile has 32 rows for each of ROW_WARPS.
#include "activations.cuh"
#include "geometry.cuh"
#include "ptx.cuh"
#include "tiled_product.cuh"

// Calls store as TiledProduct::each does, with the row's place in the order instead of the token.
template <int Tokens, bool Gated, class Store>
__device__ __forceinline__ void multiply_tile(const GroupedProductGeometry& g, int expert, int firstPlace, int count, Store store)
{
    using Tile = TiledProduct<Format, ROW_WARPS, Tokens, 1, Gated>;
    if (Tile::SharedBytes > g.sharedBytes)
        __trap();
    TileOperands o;
    o.weights = g.weights + expert * g.sliceBytes;
    o.end = g.weights + g.experts * g.sliceBytes;
    if constexpr (Gated)
    {
        o.second = g.secondWeights + expert * g.sliceBytes;
        o.secondEnd = g.secondWeights + g.experts * g.sliceBytes;
    }
    o.rowBytes = g.rowBytes;
    o.rows = g.rows;
    o.firstRow = blockIdx.x * g.rowsPerBlock;
    o.width = g.width;
    o.codes = g.codes;
    o.factors = g.factors;
    o.codeSums = g.codeSums;
    o.sources = g.sources == nullptr ? nullptr : g.sources + firstPlace;
    o.firstSource = firstPlace;
    o.perSource = g.perSource;
    o.tokens = count;

    Tile tile;
    tile.run(o, dynamic_shared());
    if constexpr (Gated)
        tile.each(o, [=](int row, int token, float gate, float up) { store(row, firstPlace + token, gate, up); });
    else
        tile.each(o, [=](int row, int token, float value) { store(row, firstPlace + token, value); });
}

template <bool Gated, class Store>
__device__ __forceinline__ void multiply_piece(const GroupedProductGeometry& g, Store store)
{
    if (blockIdx.y >= *g.pieceCount)
        return;
    const int* piece = g.pieces + 3 * blockIdx.y;
    const int expert = piece[0], firstPlace = piece[1], count = piece[2];
    if (count <= 16)
        multiply_tile<16, Gated>(g, expert, firstPlace, count, store);
    else if (count <= 32)
        multiply_tile<32, Gated>(g, expert, firstPlace, count, store);
    else
        multiply_tile<64, Gated>(g, expert, firstPlace, count, store);
}

// result[order[place]] = W · x
extern "C" __global__ void __launch_bounds__(64 * ROW_WARPS, 2) multiply(const GroupedProductGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    float* result = g.result;
    const int* order = g.order;
    const int width = g.rows;
    multiply_piece<false>(g, [=](int row, int place, float value) { result[(long long)order[place] * width + row] = value; });
}

// result[place] = silu(gate · x) * (up · x)
extern "C" __global__ void __launch_bounds__(64 * ROW_WARPS, 2) gate_and_up(const GroupedProductGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    float* result = g.result;
    const int width = g.rows;
    multiply_piece<true>(g, [=](int row, int place, float gate, float up) { result[(long long)place * width + row] = silu_of(gate) * up; });
}
