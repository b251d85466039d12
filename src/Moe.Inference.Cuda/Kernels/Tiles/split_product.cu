// y = W · x (+ bias) in float32 for many tokens, weights of any FORMAT.
#include "geometry.cuh"
#include "ptx.cuh"
#include "split_product.cuh"

extern "C" __global__ void __launch_bounds__(256) multiply_tokens(const SplitProductGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    using Tile = SplitProduct<Format, false>;
    if (Tile::SharedBytes > g.sharedBytes)
        __trap();
    const int firstToken = blockIdx.y * g.tokensPerBlock;
    SplitOperands o;
    o.weights = g.weights;
    o.rowBytes = g.rowBytes;
    o.rows = g.rows;
    o.firstRow = blockIdx.x * g.rowsPerBlock;
    o.width = g.width;
    o.x = g.x;
    o.sources = nullptr;
    o.firstSource = firstToken;
    o.tokens = min(g.tokens - firstToken, g.tokensPerBlock);

    Tile tile;
    tile.run(o, dynamic_shared());
    tile.each(o, [&](int row, int token, float value)
    {
        g.result[(long long)(firstToken + token) * g.rows + row] = g.bias == nullptr ? value : value + g.bias[row];
    });
}
