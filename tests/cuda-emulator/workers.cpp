// The threads that run blocks, and what happens when one of them faults.
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "block.h"

namespace moe_emu
{
    namespace
    {
        struct sigaction previous_actions[NSIG];

        void on_fault(int signal, siginfo_t* info, void* context)
        {
            if (block && block->fault(signal, info, static_cast<ucontext_t*>(context))) return;
            const struct sigaction& previous = previous_actions[signal];
            if (previous.sa_flags & SA_SIGINFO) previous.sa_sigaction(signal, info, context);
            else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) previous.sa_handler(signal);
            else sigaction(signal, &previous, nullptr); // happens again, and ends the process
        }

        constexpr int Faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};

        void catch_faults()
        {
            struct sigaction action = {};
            action.sa_sigaction = on_fault;
            action.sa_flags = SA_SIGINFO | SA_ONSTACK;
            for (int signal : Faults) sigaction(signal, &action, &previous_actions[signal]);
        }

        class Workers
        {
        public:
            static Workers& all()
            {
                static auto* workers = new Workers; // never destroyed: threads wait in it when the process ends
                return *workers;
            }

            Failure run(const Launch& launch)
            {
                std::unique_lock lock(mutex_);
                launch_ = &launch;
                blocks_ = (unsigned long)launch.grid.x * launch.grid.y * launch.grid.z;
                next_block_ = 0;
                failure_ = {};
                wanted_ = busy_ = (unsigned)std::min<unsigned long>(count_, blocks_);
                if (wanted_ == 1) work_.notify_one();
                else work_.notify_all();
                done_.wait(lock, [&] { return busy_ == 0; });
                return failure_;
            }

        private:
            Workers()
            {
                catch_faults();
                const char* wanted = getenv("MOE_EMU_WORKERS");
                count_ = wanted ? (unsigned)std::max(1, atoi(wanted)) : std::max(1u, std::min(2u, std::thread::hardware_concurrency()));
                sigset_t blocked, before;
                sigfillset(&blocked);
                for (int signal : Faults) sigdelset(&blocked, signal);
                pthread_sigmask(SIG_SETMASK, &blocked, &before);
                for (unsigned i = 0; i < count_; i++) std::thread([this] { work(); }).detach();
                pthread_sigmask(SIG_SETMASK, &before, nullptr);
            }

            void work()
            {
                stack_t stack = {};
                stack.ss_size = 64 * 1024;
                stack.ss_sp = malloc(stack.ss_size);
                sigaltstack(&stack, nullptr);
                block = new Block;
                std::unique_lock lock(mutex_);
                while (true)
                {
                    work_.wait(lock, [&] { return wanted_ > 0; });
                    wanted_--;
                    lock.unlock();
                    Failure failure = run_share();
                    lock.lock();
                    if (failure.code && !failure_.code) failure_ = failure;
                    if (--busy_ == 0) done_.notify_one();
                }
            }

            Failure run_share()
            {
                Index3 grid = launch_->grid;
                for (unsigned long b; (b = next_block_++) < blocks_;)
                {
                    Index3 index{(unsigned)(b % grid.x), (unsigned)(b / grid.x % grid.y), (unsigned)(b / grid.x / grid.y)};
                    Failure failure = block->run(*launch_, index);
                    if (!failure.code) continue;
                    next_block_ = blocks_;
                    return failure;
                }

                return {};
            }

            std::mutex mutex_;
            std::condition_variable work_, done_;
            const Launch* launch_;
            unsigned long blocks_;
            std::atomic<unsigned long> next_block_;
            unsigned count_, wanted_ = 0, busy_ = 0;
            Failure failure_;
        };
    }

    Failure run_blocks(const Launch& launch) { return Workers::all().run(launch); }
}
