using Moe.Inference.Cuda.Native;

namespace Moe.Inference.Cuda.Tests.Failures;

/// <summary>What tests let a process of its own do, since native libraries are loaded once in a process.</summary>
internal static class ChildCommands
{
    /// <summary>Opens the first GPU.</summary>
    public const string Create = "--create";

    /// <summary>Loads libtorch.</summary>
    public const string LoadTorch = "--load-libtorch";

    /// <summary>Carries a command out, and prints what is wrong.</summary>
    public static int Run(string command)
    {
        try
        {
            if (command == LoadTorch)
                Console.WriteLine(LibTorch.TryLoad());
            else
                CudaBackend.Create().Dispose();
        }
        catch (CudaUnavailableException problem)
        {
            Console.WriteLine(problem);
        }

        return 0;
    }
}
