// Encodes keys and values into their slots of key/value memory. A warp has 32 neighbouring elements of one head's key or value.
#include "geometry.cuh"
#include "ptx.cuh"
#include "kv_formats.cuh"
#include "kv_pages.cuh"

__device__ __forceinline__ void store_piece(const float* heads, uint8* pages, int width, int first, int head, long long token, const KvStoreGeometry& g)
{
    int lane = threadIdx.x % 32, slot = g.slots[token];
    bool inside = first + lane < width;
    float x = inside ? heads[(token * g.heads + head) * width + first + lane] : 0.0f;
    uint8* rows = page_rows<KV>(pages, slot / g.pageLength, head, g.heads, g.pageLength, width);
    KV::store(rows + slot % g.pageLength * KV::row_bytes(width), first, lane, inside, x);
}

extern "C" __global__ void kv_store(const KvStoreGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    int piece = blockIdx.y * g.perBlock + threadIdx.x / 32;
    if (piece >= g.pieces)
        return;
    int keyPieces = (g.keyWidth + 31) / 32, perHead = keyPieces + (g.valueWidth + 31) / 32, head = piece / perHead, part = piece % perHead;
    if (part < keyPieces)
        store_piece(g.keys, g.keyPages, g.keyWidth, part * 32, head, blockIdx.x, g);
    else
        store_piece(g.values, g.valuePages, g.valueWidth, (part - keyPieces) * 32, head, blockIdx.x, g);
}
