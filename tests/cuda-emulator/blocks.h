// Runs the blocks of a launch: a worker thread takes a block at a time, and every CUDA thread of it is a fiber.
#pragma once

#include <cstddef>
#include <string>

#include "abi.h"

namespace moe_emu
{
    constexpr unsigned MaxThreads = 1024;
    constexpr size_t MaxDynamicShared = 232448;

    struct Launch
    {
        const Module* module;
        unsigned long module_number; // differs for every load
        const Kernel* kernel;
        void** parameters;
        Index3 grid, block;
        size_t dynamic_shared;
    };

    // What a kernel did wrong; code is a CUresult, 0 if nothing.
    struct Failure
    {
        int code = 0;
        std::string message;
        size_t offset = 0; // of the instruction in the module, if it faulted
    };

    Failure run_blocks(const Launch& launch);

    // Describes an address for the message of a fault: which allocation it is in or near.
    std::string describe_address(const void* address);
}
