// One block of a launch: its threads are fibers, which switch to each other where they wait.
#pragma once

#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>
#include <utility>
#include <vector>

#include "blocks.h"
#include "driver_types.h"

extern "C" void moe_emu_switch(void** save, void* resume) __attribute__((visibility("hidden")));
extern "C" void moe_emu_resume() __attribute__((visibility("hidden")));

namespace moe_emu
{
    constexpr size_t Page = 4096, StackBytes = 16 * Page, StackStride = StackBytes + Page; // a page that faults lies below each stack

    struct PendingCopy
    {
        void* shared;
        const void* global;
        unsigned bytes;
        unsigned valid; // bytes read; the others become zero
    };

    struct Warp
    {
        void* arguments[32];
        Combine combine[32];
        unsigned mask[32];
        unsigned existing, runnable, exited, waiting; // lanes; waiting: in a warp operation
        unsigned agreeing;                            // waiting lanes in the same operation as the first of them
    };

    struct Fiber : Thread
    {
        void* stack_pointer; // where it left off; null before it begins
        unsigned stack;      // the number of its stack
        Warp* warp;
        std::vector<PendingCopy> copies;
        std::vector<size_t> groups; // how many of the copies each committed group has, the oldest first
        size_t grouped;             // copies in committed groups
    };

    inline std::string format(const char* text, ...)
    {
        char line[1024];
        va_list arguments;
        va_start(arguments, text);
        vsnprintf(line, sizeof line, text, arguments);
        va_end(arguments);
        return line;
    }

    // One worker's block.
    class Block
    {
    public:
        Block()
        {
            stacks_ = static_cast<char*>(reserve(MaxThreads * StackStride));
            for (unsigned i = 0; i < MaxThreads; i++)
                mprotect(stacks_ + i * StackStride + Page, StackBytes, PROT_READ | PROT_WRITE);
            char* shared = static_cast<char*>(reserve(SharedBytes + 2 * Guard));
            mprotect(shared + Guard, SharedBytes, PROT_READ | PROT_WRITE);
            shared_end_ = shared + Guard + SharedBytes;
            for (unsigned i = 0; i < MaxThreads; i++)
            {
                fibers_[i].lane = i % 32;
                fibers_[i].block = &info_;
                fibers_[i].warp = &warps_[i / 32];
            }

            reversed_ = getenv("MOE_EMU_ORDER") && !strcmp(getenv("MOE_EMU_ORDER"), "reverse");
        }

        Failure run(const Launch& launch, Index3 index)
        {
            launch_ = &launch;
            failure_ = {};
            begin_block(index);
            start(next_fiber());
            return failure_;
        }

        Fiber* running() { return static_cast<Fiber*>(current); }
        Block(const Block&) = delete;

        void collective(unsigned mask, Combine combine, void* mine)
        {
            Fiber* self = running();
            Warp& warp = *self->warp;
            unsigned me = 1u << self->lane;
            if (!(mask & me)) fail(CUDA_ERROR_LAUNCH_FAILED, format("calls a warp operation with mask %08x, which is without it", mask));
            if (unsigned gone = mask & ~(warp.existing & ~warp.exited))
                fail(CUDA_ERROR_LAUNCH_FAILED, format("calls a warp operation with mask %08x, but lanes %08x have ended or never were", mask, gone));
            warp.arguments[self->lane] = mine;
            warp.combine[self->lane] = combine;
            warp.mask[self->lane] = mask;
            warp.waiting |= me;
            if (!warp.agreeing) warp.agreeing = me;
            else if (int first = __builtin_ctz(warp.agreeing); warp.combine[first] == combine && warp.mask[first] == mask) warp.agreeing |= me;
            if ((warp.waiting & mask) == mask)
            {
                for (unsigned rest = warp.agreeing & me ? mask & ~warp.agreeing : mask; rest; rest &= rest - 1)
                    if (int lane = __builtin_ctz(rest); warp.combine[lane] != combine || warp.mask[lane] != mask)
                        fail(CUDA_ERROR_LAUNCH_FAILED, format("and lane %d are in different warp operations or give different masks (%08x, %08x)", lane, mask, warp.mask[lane]));
                combine(warp.arguments, mask);
                warp.waiting &= ~mask;
                warp.agreeing &= ~mask;
                warp.runnable |= mask;
                return;
            }

            warp.runnable &= ~me;
            leave();
        }

        unsigned barrier(bool predicate)
        {
            arrived_++;
            votes_ += predicate;
            running()->warp->runnable &= ~(1u << running()->lane);
            if (arrived_ == live_) release_barrier();
            else leave();
            return result_;
        }

        void yield()
        {
            Fiber* self = running();
            unsigned me = 1u << self->lane;
            first_warp_++;
            self->warp->runnable &= ~me;
            Fiber* next = next_fiber();
            self->warp->runnable |= me;
            if (!next) return;
            go_on_with(next, &self->stack_pointer);
        }

        [[noreturn]] void fail(CUresult code, const std::string& what)
        {
            set_failure(code, what);
            void* ignored;
            moe_emu_switch(&ignored, scheduler_);
            __builtin_unreachable();
        }

        // Called by the signal handler: the scheduler goes on when it returns.
        bool fault(int signal, const siginfo_t* info, ucontext_t* context)
        {
            if (!inside_) return false;
            CUresult code = signal == SIGSEGV || signal == SIGBUS ? CUDA_ERROR_ILLEGAL_ADDRESS : CUDA_ERROR_ILLEGAL_INSTRUCTION;
            size_t in_stacks = (size_t)static_cast<char*>(info->si_addr) - (size_t)stacks_;
            if (signal == SIGFPE) set_failure(code, "divides by zero");
            else if (signal == SIGILL) set_failure(code, "traps");
            else if (in_stacks < MaxThreads * StackStride && in_stacks % StackStride < Page) set_failure(code, "overflows its stack");
            else set_failure(code, "touches " + describe_address(info->si_addr));
            auto instruction = (size_t)context->uc_mcontext.gregs[REG_RIP];
            Dl_info module;
            if (dladdr((void*)instruction, &module) && module.dli_fbase == module_base()) failure_.offset = instruction - (size_t)module.dli_fbase;
            context->uc_mcontext.gregs[REG_RSP] = (greg_t)scheduler_;
            context->uc_mcontext.gregs[REG_RIP] = (greg_t)&moe_emu_resume;
            return true;
        }

    private:
        static constexpr size_t SharedBytes = (MaxDynamicShared + Page - 1) / Page * Page, Guard = 1 << 20;

        static void* reserve(size_t bytes)
        {
            void* memory = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            if (memory == MAP_FAILED) throw std::bad_alloc();
            return memory;
        }

        void begin_block(Index3 index)
        {
            Index3 size = launch_->block;
            count_ = live_ = size.x * size.y * size.z;
            warp_count_ = (count_ + 31) / 32;
            arrived_ = votes_ = first_warp_ = 0;
            // Ends where the guard begins, as far as the alignment lets it.
            char* shared = shared_end_ - (launch_->dynamic_shared + 127) / 128 * 128;
            memset(shared, 0xFF, (size_t)(shared_end_ - shared));
            if (static_shared().second) memset(static_shared().first, 0xFF, static_shared().second);
            for (unsigned w = 0; w < warp_count_; w++)
            {
                unsigned lanes = count_ - w * 32 >= 32 ? 0xFFFFFFFFu : (1u << (count_ - w * 32)) - 1;
                warps_[w].existing = warps_[w].runnable = lanes;
                warps_[w].exited = warps_[w].waiting = warps_[w].agreeing = 0;
            }

            info_ = {index, size, launch_->grid, shared};
            free_stacks_ = 0;
            unsigned i = 0;
            for (unsigned z = 0; z < size.z; z++)
                for (unsigned y = 0; y < size.y; y++)
                    for (unsigned x = 0; x < size.x; x++, i++)
                    {
                        fibers_[i].index = {x, y, z};
                        fibers_[i].stack_pointer = nullptr;
                        fibers_[i].copies.clear();
                        fibers_[i].groups.clear();
                        fibers_[i].grouped = 0;
                        free_stack_[free_stacks_++] = (unsigned short)(count_ - 1 - i);
                    }
        }

        // Saves the running stack and runs the fiber, which begins on a stack that is free.
        void go_on_with(Fiber* next, void** save)
        {
            current = next;
            if (!next->stack_pointer)
            {
                next->stack = free_stack_[--free_stacks_];
                // Different starts, so that the stacks do not share the same few lines of the caches.
                char* top = stacks_ + (next->stack + 1) * StackStride - next->stack % 16 * 256;
                void** stack = reinterpret_cast<void**>(top) - 8;
                memset(stack, 0, 64);
                stack[6] = reinterpret_cast<void*>(&run_fibers); // what the switch returns to
                next->stack_pointer = stack;
            }

            moe_emu_switch(save, next->stack_pointer);
        }

        void start(Fiber* first)
        {
            inside_ = true;
            go_on_with(first, &scheduler_);
            inside_ = false;
        }

        // Runs the kernel for one thread after the other as long as none has to wait.
        static void run_fibers();

        // Other threads run until this one can.
        void leave()
        {
            Fiber* self = running();
            Fiber* next = next_fiber();
            if (!next) fail_stuck();
            if (next != self) go_on_with(next, &self->stack_pointer);
        }

        // The running thread has ended. Another that has not begun takes its stack, one that has goes on on its own.
        void end_thread()
        {
            Fiber* self = running();
            unsigned me = 1u << self->lane;
            self->warp->runnable &= ~me;
            self->warp->exited |= me;
            live_--;
            // Threads that have ended do not hold up a barrier.
            if (live_ && arrived_ == live_) release_barrier();
            Fiber* next = next_fiber();
            if (!next && live_) fail_stuck();
            if (!next) moe_emu_switch(&self->stack_pointer, scheduler_);
            else if (next->stack_pointer)
            {
                free_stack_[free_stacks_++] = (unsigned short)self->stack;
                go_on_with(next, &self->stack_pointer);
            }

            current = next;
            next->stack = self->stack;
            next->stack_pointer = stacks_; // begun; a true value follows when it leaves
        }

        void release_barrier()
        {
            result_ = votes_;
            arrived_ = votes_ = 0;
            for (unsigned w = 0; w < warp_count_; w++) warps_[w].runnable = warps_[w].existing & ~warps_[w].exited;
        }

        // A warp runs as long as it can.
        Fiber* next_fiber()
        {
            for (unsigned i = 0; i < warp_count_; i++)
            {
                unsigned w = first_warp_ + i;
                if (w >= warp_count_) w %= warp_count_;
                unsigned at = reversed_ ? warp_count_ - 1 - w : w;
                if (unsigned lanes = warps_[at].runnable)
                {
                    first_warp_ = w;
                    return &fibers_[at * 32 + (reversed_ ? 31 - __builtin_clz(lanes) : __builtin_ctz(lanes))];
                }
            }

            return nullptr;
        }

        [[noreturn]] void fail_stuck()
        {
            unsigned in_warp_operations = 0;
            for (unsigned w = 0; w < warp_count_; w++) in_warp_operations += (unsigned)__builtin_popcount(warps_[w].waiting);
            fail(CUDA_ERROR_LAUNCH_FAILED, format("is the last to stop: %u of %u live threads wait at a barrier, %u in warp operations that cannot complete",
                arrived_, live_, in_warp_operations));
        }

        void set_failure(CUresult code, const std::string& what)
        {
            Index3 t = current->index, b = info_.index;
            failure_ = {code, format("%s: thread (%u,%u,%u) of block (%u,%u,%u) ", launch_->kernel->name, t.x, t.y, t.z, b.x, b.y, b.z) + what, 0};
        }

        void* module_base()
        {
            Dl_info info;
            return dladdr(launch_->module, &info) ? info.dli_fbase : nullptr;
        }

        // The calling worker's static shared variables: all thread-local variables of the module.
        std::pair<void*, size_t> static_shared()
        {
            auto found = static_shared_.find(launch_->module_number);
            if (found != static_shared_.end()) return found->second;
            launch_->module->touch_shared();
            struct Search
            {
                size_t base;
                std::pair<void*, size_t> range;
            } search{(size_t)module_base(), {nullptr, 0}};
            dl_iterate_phdr([](dl_phdr_info* of, size_t, void* data)
            {
                auto& search = *static_cast<Search*>(data);
                if (of->dlpi_addr != search.base) return 0;
                for (int i = 0; i < of->dlpi_phnum; i++)
                    if (of->dlpi_phdr[i].p_type == PT_TLS) search.range = {of->dlpi_tls_data, of->dlpi_phdr[i].p_memsz};
                return 1;
            }, &search);
            return static_shared_[launch_->module_number] = search.range;
        }

        const Launch* launch_;
        Failure failure_;
        void* scheduler_;
        bool inside_ = false, reversed_;
        unsigned count_, live_, warp_count_, arrived_, votes_, result_, first_warp_;
        char* stacks_;
        char* shared_end_;
        BlockInfo info_;
        unsigned short free_stack_[MaxThreads];
        unsigned free_stacks_;
        std::map<unsigned long, std::pair<void*, size_t>> static_shared_;
        Warp warps_[MaxThreads / 32];
        Fiber fibers_[MaxThreads];
    };

    // The block that the calling worker runs; null on other threads.
    extern thread_local Block* block __attribute__((tls_model("initial-exec")));
}
