// Finds the kernels that a module exports by their plain names.
#pragma once

#include <set>
#include <string>

namespace moe_emu
{
    // The names of all extern "C" kernels in a preprocessed source, which has __global__ as an attribute.
    std::set<std::string> c_kernel_names(const std::string& text);
}
