// What compiled kernels and the emulator know of each other.
#pragma once

namespace moe_emu
{
    struct Index3
    {
        unsigned x, y, z;
    };

    // What the threads of a running block have in common.
    struct BlockInfo
    {
        Index3 index, size, grid;
        void* dynamic_shared;
    };

    // One CUDA thread while its block runs.
    struct Thread
    {
        Index3 index;
        unsigned lane;
        const BlockInfo* block;
    };

    // The thread that this worker runs now. A CUDA thread never moves to another worker.
    extern thread_local Thread* current __attribute__((tls_model("initial-exec")));

    // Computes a warp operation once for all lanes of the mask; lanes[i] is what lane i handed over, and receives its result.
    using Combine = void (*)(void* const* lanes, unsigned mask);

    // Waits for the lanes of the mask; the last one to come runs combine.
    void warp_collective(unsigned mask, Combine combine, void* mine);

    // Waits for all live threads of the block and returns for how many of them the predicate was true.
    unsigned block_barrier(bool predicate);

    // Lets other threads of the block run.
    void yield();

    // Asynchronous copies: the destination is poisoned now and written by the wait of the same thread.
    void copy_async(void* shared, const void* global, unsigned bytes, unsigned valid);
    void copy_async_commit();
    void copy_async_wait(unsigned groups_left);

    [[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

    struct Kernel
    {
        const char* name;
        void* function;
        void (*call)(void* function, void** parameters);
        const unsigned* sizes;
        unsigned count;
    };

    // Exported by a compiled module as moe_emu_module.
    struct Module
    {
        const char* file; // where it was compiled to
        const Kernel* kernels;
        unsigned count;
        void (*touch_shared)(); // gives the calling worker its copy of the static shared variables
    };
}
