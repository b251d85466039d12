// Emulated driver: modules, functions, launches.
#include <dlfcn.h>
#include <elf.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "blocks.h"
#include "driver.h"
#include "memory.h"

using namespace moe_emu;

namespace
{
    constexpr size_t DefaultDynamicShared = 49152;
    constexpr int AttributeMaxThreads = 0, AttributeStaticShared = 1, AttributeRegisters = 4, AttributePtx = 5, AttributeBinary = 6,
        AttributeMaxDynamicShared = 8, AttributeCarveout = 9;

    struct LoadedModule;

    struct Function
    {
        const LoadedModule* module;
        const Kernel* kernel;
        size_t max_dynamic_shared = DefaultDynamicShared;
    };

    struct LoadedModule
    {
        Context* context;
        void* library = nullptr;
        const Module* module = nullptr;
        unsigned long number;
        std::vector<std::unique_ptr<Function>> functions;

        ~LoadedModule()
        {
            if (library) dlclose(library);
        }
    };

    Handles<LoadedModule> modules;
    std::set<const Function*> functions;

    Function& function_of(const void* handle)
    {
        auto* function = static_cast<Function*>(const_cast<void*>(handle));
        require(functions.count(function), CUDA_ERROR_INVALID_HANDLE);
        return *function;
    }

    // An image is a shared library; its section table is at its end.
    size_t size_of_image(const void* image)
    {
        require(!memcmp(image, ELFMAG, SELFMAG), CUDA_ERROR_INVALID_IMAGE);
        Elf64_Ehdr header;
        memcpy(&header, image, sizeof header);
        require(header.e_machine == EM_X86_64, CUDA_ERROR_INVALID_IMAGE);
        return header.e_shoff + (size_t)header.e_shnum * header.e_shentsize;
    }

    // A file of its own for each load, so that two loads share no variables.
    void* load_library(const void* image)
    {
        size_t size = size_of_image(image);
        char path[] = "/tmp/moe-emu-module-XXXXXX";
        int file = mkstemp(path);
        require(file >= 0, CUDA_ERROR_UNKNOWN);
        bool written = write(file, image, size) == (ssize_t)size;
        close(file);
        void* library = written ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : nullptr;
        if (!library) report(CUDA_ERROR_INVALID_IMAGE, written ? dlerror() : "the temporary folder is full");
        unlink(path);
        require(library, CUDA_ERROR_INVALID_IMAGE);
        return library;
    }

    void forget_functions(const LoadedModule& module)
    {
        for (auto& function : module.functions) functions.erase(function.get());
    }

    void load_module(void** handle, const void* image)
    {
        static unsigned long loads;
        auto loaded = std::make_unique<LoadedModule>();
        loaded->context = &here();
        loaded->library = load_library(image);
        loaded->module = static_cast<const Module*>(dlsym(loaded->library, "moe_emu_module"));
        loaded->number = ++loads;
        require(loaded->module, CUDA_ERROR_INVALID_IMAGE);
        *handle = modules.add(std::move(loaded));
    }

    // The source line of an instruction, and where the functions that it is inlined from are called.
    std::string line_of(const Module& module, size_t offset)
    {
        char command[4200];
        snprintf(command, sizeof command, "addr2line -i -e '%s' %zx 2>/dev/null", module.file, offset);
        std::string lines;
        if (FILE* output = popen(command, "r"))
        {
            while (fgets(command, sizeof command, output)) lines += std::string(lines.empty() ? " (" : ", ") + std::string(command, strcspn(command, "\n"));
            pclose(output);
        }

        return lines.empty() ? "" : lines + ")";
    }

    // A launch with its own copy of the parameters.
    struct BoundLaunch
    {
        Launch launch;
        std::vector<char> bytes;
        std::vector<size_t> offsets;

        CUresult run(const Context& context)
        {
            std::set<int> reachable = {context.device};
            for (const Context* peer : context.peers) reachable.insert(peer->device);
            OpenMemory open(reachable);
            std::vector<void*> parameters;
            for (size_t offset : offsets) parameters.push_back(bytes.data() + offset);
            launch.parameters = parameters.data();
            Failure failure = run_blocks(launch);
            if (failure.offset) failure.message += line_of(*launch.module, failure.offset);
            if (failure.code) report((CUresult)failure.code, failure.message);
            return (CUresult)failure.code;
        }
    };

    void launch_kernel(const void* handle, Index3 grid, Index3 block, unsigned shared, const void* stream_handle, void** parameters, void** extra)
    {
        Function& function = function_of(handle);
        Stream& stream = stream_of(stream_handle);
        require(function.module->context == stream.context, CUDA_ERROR_INVALID_HANDLE);
        require(grid.x && grid.y && grid.z && block.x && block.y && block.z);
        require(grid.x <= 2147483647u && grid.y <= 65535 && grid.z <= 65535 && block.z <= 64);
        require((size_t)block.x * block.y * block.z <= MaxThreads && block.x <= MaxThreads && block.y <= MaxThreads);
        require(shared <= function.max_dynamic_shared && !extra);

        const Kernel& kernel = *function.kernel;
        require(parameters || kernel.count == 0);
        auto bound = std::make_shared<BoundLaunch>();
        bound->launch = {function.module->module, function.module->number, &kernel, nullptr, grid, block, shared};
        for (unsigned i = 0; i < kernel.count; i++)
        {
            size_t offset = (bound->bytes.size() + 15) / 16 * 16;
            bound->offsets.push_back(offset);
            bound->bytes.resize(offset + kernel.sizes[i]);
            memcpy(bound->bytes.data() + offset, parameters[i], kernel.sizes[i]);
        }

        enqueue(stream, {OperationKind::Kernel, [bound, &context = *stream.context] { return bound->run(context); }});
    }
}

void moe_emu::unload_modules(Context& context)
{
    modules.remove_if([&](LoadedModule& module)
    {
        if (module.context != &context) return false;
        forget_functions(module);
        return true;
    });
}

EMU_API cuModuleLoadData(void** module, const void* image)
{
    return guarded([&] { load_module(module, image); });
}

EMU_API cuModuleLoadDataEx(void** module, const void* image, unsigned, const int*, void**)
{
    return guarded([&] { load_module(module, image); });
}

EMU_API cuModuleUnload(void* module)
{
    return guarded([&]
    {
        for (Stream* stream : modules.check(module).context->streams) drain(*stream);
        forget_functions(modules.check(module));
        modules.remove(module);
    });
}

EMU_API cuModuleGetFunction(void** function, void* handle, const char* name)
{
    return guarded([&]
    {
        LoadedModule& module = modules.check(handle);
        for (auto& known : module.functions)
            if (!strcmp(known->kernel->name, name))
            {
                *function = known.get();
                return;
            }

        auto* first = module.module->kernels;
        auto* last = first + module.module->count;
        auto* found = std::find_if(first, last, [&](const Kernel& kernel) { return !strcmp(kernel.name, name); });
        require(found != last, CUDA_ERROR_NOT_FOUND);
        module.functions.push_back(std::make_unique<Function>(Function{&module, found}));
        *function = module.functions.back().get();
        functions.insert(module.functions.back().get());
    });
}

EMU_API cuFuncLoad(void* function)
{
    return guarded([&] { function_of(function); });
}

EMU_API cuFuncSetAttribute(void* handle, int attribute, int value)
{
    return guarded([&]
    {
        Function& function = function_of(handle);
        if (attribute == AttributeMaxDynamicShared)
        {
            require(value >= 0 && (size_t)value <= MaxDynamicShared);
            function.max_dynamic_shared = (size_t)value;
        }
        else require(attribute == AttributeCarveout && value >= -1 && value <= 100);
    });
}

EMU_API cuFuncGetAttribute(int* value, int attribute, void* handle)
{
    return guarded([&]
    {
        Function& function = function_of(handle);
        switch (attribute)
        {
            case AttributeMaxThreads: *value = MaxThreads; break;
            case AttributeRegisters: *value = 64; break;
            case AttributePtx:
            case AttributeBinary: *value = 90; break;
            case AttributeMaxDynamicShared: *value = (int)function.max_dynamic_shared; break;
            case AttributeStaticShared: *value = 0; break; // not known here
            default: require(attribute >= 0 && attribute < 16); *value = 0;
        }
    });
}

EMU_API cuFuncGetParamInfo(void* handle, size_t index, size_t* offset, size_t* size)
{
    return guarded([&]
    {
        const Kernel& kernel = *function_of(handle).kernel;
        require(index < kernel.count);
        *size = kernel.sizes[index];
        if (offset) *offset = 0;
    });
}

EMU_API cuLaunchKernel(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z,
    unsigned shared, void* stream, void** parameters, void** extra)
{
    return guarded([&]
    {
        launch_kernel(function, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared, stream, parameters, extra);
    });
}

namespace
{
    struct LaunchConfig
    {
        Index3 grid, block;
        unsigned shared;
        void* stream;
        void* attributes; // programmatic launch and the like change nothing here
        unsigned attribute_count;
    };
}

EMU_API cuLaunchKernelEx(const LaunchConfig* config, void* function, void** parameters, void** extra)
{
    return guarded([&] { launch_kernel(function, config->grid, config->block, config->shared, config->stream, parameters, extra); });
}

EMU_API cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void* function, int block_size, size_t shared)
{
    return guarded([&]
    {
        function_of(function);
        require(block_size > 0 && block_size <= (int)MaxThreads);
        size_t by_shared = shared > MaxDynamicShared ? 0 : (MaxDynamicShared + 1024) / (shared + 1024);
        *blocks = (int)std::min<size_t>({32, (size_t)(2048 / block_size), by_shared});
    });
}
