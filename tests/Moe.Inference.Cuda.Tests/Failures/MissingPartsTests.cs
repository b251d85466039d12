using System.Diagnostics;
using System.Runtime.InteropServices;
using Moe.Inference.Cuda.Compilation;

namespace Moe.Inference.Cuda.Tests.Failures;

/// <summary>What is told about things that are not there.</summary>
public class MissingPartsTests
{
    [SkippableFact]
    public void A_GPU_that_is_not_there_is_refused_with_the_number_of_those_that_are()
    {
        TestGpu.Require();
        Action create = () => CudaBackend.Create(99);
        create.Should().Throw<CudaUnavailableException>().WithMessage($"*99*shows {CudaBackend.DeviceCount}*").Which.Missing.Should().ContainSingle();
    }

    [SkippableFact]
    public void A_wrong_path_of_NVRTC_is_named()
    {
        TestGpu.Require();
        string output = Child(ChildCommands.Create, ("MOE_CUDA_NVRTC", "/nowhere/libnvrtc.so.0"));
        output.Should().Contain(nameof(CudaUnavailableException)).And.Contain("/nowhere/libnvrtc.so.0").And.Contain("MOE_CUDA_NVRTC");
    }

    [SkippableFact]
    public void A_wrong_path_of_libtorch_is_named()
    {
        // Elsewhere the file has another name.
        Skip.IfNot(OperatingSystem.IsLinux());
        string output = Child(ChildCommands.LoadTorch, ("MOE_LIBTORCH", "/nowhere/torch"), ("LD_LIBRARY_PATH", null));
        output.Should().Contain("libtorch_cuda.so").And.Contain("/nowhere/torch").And.Contain("MOE_LIBTORCH");
    }

    [SkippableFact]
    public void A_wrong_path_of_the_driver_is_named() =>
        Child(ChildCommands.Create, ("MOE_CUDA_DRIVER", "/nowhere/libcuda.so.0")).Should().Contain(nameof(CudaUnavailableException)).And.Contain("/nowhere/libcuda.so.0");

    [SkippableFact]
    public void A_kernel_that_does_not_compile_comes_with_the_compilers_log()
    {
        CudaDevice device = TestGpu.Require();
        KernelCompiler compiler = new(device.Figures.Architecture, device.Device.ToString());
        Action compile = () => compiler.Compile(new KernelCode("broken.cu", "broken", "A=1"), "extern \"C\" __global__ void broken(int x) { missing_function(x); }", KernelSources.Headers);
        DeviceException failure = compile.Should().Throw<DeviceException>().Which;
        failure.Message.Should().Contain("broken.cu").And.Contain("missing_function").And.Contain("error").And.Contain("A=1");
        failure.Code.Should().NotBe(0);
        failure.DeviceLost.Should().BeFalse();
    }

    // Libraries are loaded once in a process, so that another must look for the wrong ones.
    private static string Child(string command, params (string Name, string? Value)[] variables)
    {
        string program = Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "Moe.Inference.Cuda.Tests.exe" : "Moe.Inference.Cuda.Tests");
        Skip.IfNot(File.Exists(program), $"there is no {program}");
        ProcessStartInfo start = new(program, [command]) { RedirectStandardOutput = true };
        // Of an installation that the starter would not find by itself: …/shared/NAME/VERSION/ in it is where the runtime is.
        start.Environment["DOTNET_ROOT"] = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        foreach ((string name, string? value) in variables)
        {
            if (value is null)
                start.Environment.Remove(name);
            else
                start.Environment[name] = value;
        }

        using Process child = Process.Start(start)!;
        string output = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        return output;
    }
}
