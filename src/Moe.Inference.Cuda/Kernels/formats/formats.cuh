// All formats, and the one that a module is compiled for: its definitions name it, FORMAT=Q4_K for instance.
#pragma once
#include "float_formats.cuh"
#include "iq4_xs.cuh"
#include "iq5_k.cuh"
#include "q4_0.cuh"
#include "q4_k.cuh"
#include "q5_k.cuh"
#include "q6_k.cuh"
#include "q8_0.cuh"

#ifdef FORMAT
using Format = FORMAT;
#endif
