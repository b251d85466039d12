// y = W · x (+ bias) for many tokens and up to four matrices W, weights in blocks of one FORMAT, in tiles of rows and tokens.
// ROW_WARPS: a large tile has 32 times as many rows. TEAMS: share a small tile; half as many share a wide one.
#include "geometry.cuh"
#include "ptx.cuh"
#include "tiled_product.cuh"

template <int RowWarps, int Tokens, int Teams>
__device__ __forceinline__ void multiply_tile(const TiledProductGeometry& g)
{
    using Tile = TiledProduct<Format, RowWarps, Tokens, Teams, false>;
    if (Tile::SharedBytes > g.sharedBytes)
        __trap();
    const int block = blockIdx.x, firstToken = blockIdx.y * g.tokensPerBlock;
    const int matrix = (block >= g.first1) + (block >= g.first2) + (block >= g.first3);
    TileOperands o;
    o.weights = matrix == 0 ? g.weights0 : matrix == 1 ? g.weights1 : matrix == 2 ? g.weights2 : g.weights3;
    o.rows = matrix == 0 ? g.rows0 : matrix == 1 ? g.rows1 : matrix == 2 ? g.rows2 : g.rows3;
    o.firstRow = (block - (matrix == 0 ? 0 : matrix == 1 ? g.first1 : matrix == 2 ? g.first2 : g.first3)) * g.rowsPerBlock;
    o.rowBytes = g.rowBytes;
    o.end = o.weights + o.rows * g.rowBytes;
    o.width = g.width;
    o.codes = g.codes;
    o.factors = g.factors;
    o.codeSums = g.codeSums;
    o.sources = nullptr;
    o.firstSource = firstToken;
    o.tokens = min(g.tokens - firstToken, Tokens);

    Tile tile;
    tile.run(o, dynamic_shared());
    float* y = (matrix == 0 ? g.result0 : matrix == 1 ? g.result1 : matrix == 2 ? g.result2 : g.result3) + (long long)firstToken * o.rows;
    const float* bias = g.bias;
    const int rows = o.rows;
    tile.each(o, [=](int row, int token, float value) { y[(long long)token * rows + row] = bias == nullptr ? value : value + bias[row]; });
}

extern "C" __global__ void __launch_bounds__(64 * ROW_WARPS, 2) large_tile(const TiledProductGeometry g)
{
    grid_dependency_launch();
    multiply_tile<ROW_WARPS, 64, 1>(g);
}

extern "C" __global__ void __launch_bounds__(32 * TEAMS) wide_tile(const TiledProductGeometry g)
{
    grid_dependency_launch();
    multiply_tile<1, 32, TEAMS / 2>(g);
}

extern "C" __global__ void __launch_bounds__(64 * TEAMS) small_tile(const TiledProductGeometry g)
{
    grid_dependency_launch();
    multiply_tile<1, 16, TEAMS>(g);
}
