// Products of rows with their experts' matrices in float32, for many rows sorted by their expert (group_rows.cu), weights of any FORMAT.
#include "activations.cuh"
#include "geometry.cuh"
#include "ptx.cuh"
#include "split_product.cuh"

// Calls store as SplitProduct::each does, with the row's place in the order instead of the token.
template <bool Gated, class Store>
__device__ __forceinline__ void multiply_piece(const GroupedProductGeometry& g, Store store)
{
    using Tile = SplitProduct<Format, Gated>;
    if (Tile::SharedBytes > g.sharedBytes)
        __trap();
    if (blockIdx.y >= *g.pieceCount)
        return;
    const int* piece = g.pieces + 3 * blockIdx.y;
    const int expert = piece[0], firstPlace = piece[1] + blockIdx.z * Tile::Tokens, count = piece[2] - blockIdx.z * Tile::Tokens;
    if (count <= 0)
        return;
    SplitOperands o;
    o.weights = g.weights + expert * g.sliceBytes;
    if constexpr (Gated)
        o.second = g.secondWeights + expert * g.sliceBytes;
    o.rowBytes = g.rowBytes;
    o.rows = g.rows;
    o.firstRow = blockIdx.x * g.rowsPerBlock;
    o.width = g.width;
    o.x = g.x;
    o.sources = g.sources == nullptr ? nullptr : g.sources + firstPlace;
    o.firstSource = firstPlace;
    o.perSource = g.perSource;
    o.tokens = min(count, Tile::Tokens);

    Tile tile;
    tile.run(o, dynamic_shared());
    if constexpr (Gated)
        tile.each(o, [&](int row, int token, float gate, float up) { store(row, firstPlace + token, gate, up); });
    else
        tile.each(o, [&](int row, int token, float value) { store(row, firstPlace + token, value); });
}

// result[order[place]] = W · x
extern "C" __global__ void __launch_bounds__(256) multiply(const GroupedProductGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    multiply_piece<false>(g, [&](int row, int place, float value) { g.result[(long long)g.order[place] * g.rows + row] = value; });
}

// result[place] = silu(gate · x) * (up · x)
extern "C" __global__ void __launch_bounds__(256) gate_and_up(const GroupedProductGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    multiply_piece<true>(g, [&](int row, int place, float gate, float up) { g.result[(long long)place * g.rows + row] = silu_of(gate) * up; });
}
