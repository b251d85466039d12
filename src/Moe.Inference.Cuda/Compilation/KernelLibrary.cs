using System.Collections.Concurrent;
using Moe.Inference.Cuda.Native;

namespace Moe.Inference.Cuda.Compilation;

/// <summary>
/// One device's compiled kernels. Compiling begins when a kernel is first asked for, on a thread of the pool, so that a plan's kernels
/// compile side by side; it is waited for when a function is needed. Thread-safe.
/// </summary>
/// <param name="context">The device's context.</param>
/// <param name="architecture">Such as <c>sm_90a</c>.</param>
/// <param name="device">The device, as errors name it.</param>
internal sealed unsafe class KernelLibrary(nint context, string architecture, string device) : IDisposable
{
    private readonly KernelCompiler _compiler = new(architecture, device);
    private readonly KernelCache _cache = new();
    private readonly ConcurrentDictionary<(string File, string Defines), Lazy<Task<byte[]>>> _images = [];
    private readonly Dictionary<(string File, string Defines), nint> _modules = [];
    private readonly Dictionary<KernelCode, CudaFunction> _functions = [];
    private readonly Lock _lock = new();

    // Programmatic dependent launches came with compute capability 9.0; before, kernels' waits are nothing.
    private readonly bool _beginsEarly = !architecture.StartsWith("sm_8", StringComparison.Ordinal);

    /// <summary>NVRTC's version.</summary>
    public string CompilerVersion => _compiler.Version;

    /// <summary>Begins to compile a kernel that will be needed.</summary>
    public void Prepare(KernelCode code) => _ = ImageOf(code);

    /// <summary>A kernel; waits for its compilation.</summary>
    /// <exception cref="DeviceException">It does not compile or load.</exception>
    public CudaFunction Find(KernelCode code)
    {
        byte[] image = ImageOf(code).GetAwaiter().GetResult();
        lock (_lock)
        {
            if (_functions.TryGetValue(code, out CudaFunction? function))
                return function;
            Driver.ContextSetCurrent(context).ThrowIfFailed("load", code.ToString(), device);
            if (!_modules.TryGetValue(code.Module, out nint module))
                _modules.Add(code.Module, module = Load(code, image));
            nint handle = 0;
            Driver.ModuleGetFunction(&handle, module, code.Entry).ThrowIfFailed("load", code.ToString(), device);
            return _functions[code] = new CudaFunction(code, handle, device, _beginsEarly);
        }
    }

    /// <summary>Unloads everything.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _ = Driver.ContextSetCurrent(context);
            foreach (nint module in _modules.Values)
                _ = Driver.ModuleUnload(module);
            _modules.Clear();
            _functions.Clear();
        }
    }

    private Task<byte[]> ImageOf(KernelCode code) => _images.GetOrAdd(code.Module, _ => new Lazy<Task<byte[]>>(() => Task.Run(() => Compile(code)))).Value;

    private byte[] Compile(KernelCode code)
    {
        string source = KernelSources.Read(code.File);
        string key = KernelCache.KeyOf(source, KernelSources.Headers, _compiler.OptionsOf(code), _compiler.Version);
        if (_cache.Find(key) is { } kept)
            return kept;
        byte[] image = _compiler.Compile(code, source, KernelSources.Headers);
        _cache.Keep(key, image);
        return image;
    }

    private nint Load(KernelCode code, byte[] image)
    {
        nint module = 0;
        fixed (byte* data = image)
            Driver.ModuleLoadData(&module, data).ThrowIfFailed("load", code.ToString(), device);
        return module;
    }
}
