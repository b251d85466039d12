// y = W · x (+ bias) for many tokens, weights in blocks of one FORMAT, in tiles of rows and tokens.
#include "geometry.cuh"
#include "ptx.cuh"
#include "tiled_product.cuh"

template <int RowWarps, int Tokens>
__device__ __forceinline__ void multiply_tile(const TiledProductGeometry& g)
{
    using Tile = TiledProduct<Format, RowWarps, Tokens, false>;
    if (Tile::SharedBytes > g.sharedBytes)
        __trap();
    const int firstToken = blockIdx.y * g.tokensPerBlock;
    TileOperands o;
    o.weights = g.weights;
    o.end = g.weights + g.rows * g.rowBytes;
    o.rowBytes = g.rowBytes;
    o.rows = g.rows;
    o.firstRow = blockIdx.x * g.rowsPerBlock;
    o.width = g.width;
    o.codes = g.codes;
    o.factors = g.factors;
    o.codeSums = g.codeSums;
    o.sources = nullptr;
    o.firstSource = firstToken;
    o.tokens = min(g.tokens - firstToken, Tokens);

    Tile tile;
    tile.run(o, dynamic_shared());
    float* y = g.result + (long long)firstToken * g.rows;
    const float* bias = g.bias;
    tile.each(o, [=](int row, int token, float value) { y[(long long)token * g.rows + row] = bias == nullptr ? value : value + bias[row]; });
}

extern "C" __global__ void __launch_bounds__(256, 2) tile_128x64(const TiledProductGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    multiply_tile<4, 64>(g);
}

extern "C" __global__ void __launch_bounds__(64) tile_32x32(const TiledProductGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    multiply_tile<1, 32>(g);
}

extern "C" __global__ void __launch_bounds__(64) tile_32x16(const TiledProductGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    multiply_tile<1, 16>(g);
}
