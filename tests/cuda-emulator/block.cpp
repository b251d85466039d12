#include "block.h"

// void moe_emu_switch(void** save, void* resume): leaves the running stack in *save and goes on where resume was saved.
// A fault resumes the scheduler at moe_emu_resume.
asm(R"(
.text
.globl moe_emu_switch
.hidden moe_emu_switch
.globl moe_emu_resume
.hidden moe_emu_resume
.type moe_emu_switch, @function
moe_emu_switch:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
moe_emu_resume:
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret
.size moe_emu_switch, .-moe_emu_switch
)");

namespace moe_emu
{
    thread_local Thread* current;
    thread_local Block* block;

    void Block::run_fibers()
    {
        Block& mine = *block;
        while (true)
        {
            mine.launch_->kernel->call(mine.launch_->kernel->function, mine.launch_->parameters);
            mine.end_thread();
        }
    }

    // ---- what kernels call ----

    void warp_collective(unsigned mask, Combine combine, void* mine) { block->collective(mask, combine, mine); }
    unsigned block_barrier(bool predicate) { return block->barrier(predicate); }
    void yield() { block->yield(); }

    void assertion_failed(const char* expression, const char* file, int line)
    {
        block->fail(CUDA_ERROR_ASSERT, format("fails assertion %s (%s:%d)", expression, file, line));
    }

    void copy_async(void* shared, const void* global, unsigned bytes, unsigned valid)
    {
        if ((size_t)shared % bytes || (valid && (size_t)global % bytes) || valid > bytes)
            block->fail(CUDA_ERROR_MISALIGNED_ADDRESS, format("copies %u bytes asynchronously from %p to %p", bytes, global, shared));
        memset(shared, 0xFF, bytes);
        block->running()->copies.push_back({shared, global, bytes, valid});
    }

    void copy_async_commit()
    {
        Fiber* self = block->running();
        self->groups.push_back(self->copies.size() - self->grouped);
        self->grouped = self->copies.size();
    }

    void copy_async_wait(unsigned groups_left)
    {
        Fiber* self = block->running();
        size_t copies = 0, groups = 0;
        for (; self->groups.size() - groups > groups_left; groups++) copies += self->groups[groups];
        for (size_t i = 0; i < copies; i++)
        {
            const PendingCopy& copy = self->copies[i];
            memcpy(copy.shared, copy.global, copy.valid);
            memset((char*)copy.shared + copy.valid, 0, copy.bytes - copy.valid);
        }

        self->copies.erase(self->copies.begin(), self->copies.begin() + (long)copies);
        self->groups.erase(self->groups.begin(), self->groups.begin() + (long)groups);
        self->grouped -= copies;
    }
}

// ---- what code compiled with -fsanitize=alignment,bounds calls ----

namespace
{
    struct SourceLocation
    {
        const char* file;
        unsigned line, column;
    };
}

extern "C" void __ubsan_handle_type_mismatch_v1_abort(const SourceLocation* where, size_t address)
{
    using namespace moe_emu;
    block->fail(CUDA_ERROR_MISALIGNED_ADDRESS, format("uses the misaligned address %zx (%s:%u)", address, where->file, where->line));
}

extern "C" void __ubsan_handle_out_of_bounds_abort(const SourceLocation* where, size_t index)
{
    using namespace moe_emu;
    block->fail(CUDA_ERROR_ILLEGAL_ADDRESS, format("uses index %zd outside an array (%s:%u)", (ssize_t)index, where->file, where->line));
}
