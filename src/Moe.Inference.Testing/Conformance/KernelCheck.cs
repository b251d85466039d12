using Moe.Inference.Execution;
using Moe.Inference.Ops;

namespace Moe.Inference.Testing.Conformance;

/// <summary>Runs a kernel over cases: each first in plain memory, and, as long as nothing failed, against guard pages.</summary>
internal sealed class KernelCheck(IKernel kernel, IReadOnlyList<(IBackend Backend, int Threads)> backends, ConformanceOptions options)
{
    private readonly List<ConformanceFailure> _failures = [];
    private readonly List<string> _refused = [];
    private readonly bool _guardPages = options.GuardPages && GuardPageBuffer.IsSupported && backends[0].Backend.Device.IsCpu;
    private int _runs;

    public ConformanceReport Run(IEnumerable<ConformanceCase> cases)
    {
        foreach (ConformanceCase test in cases)
        {
            RunCase(test);
            if (_failures.Count >= options.MostFailures)
                break;
        }

        return new ConformanceReport(kernel.Operation, kernel.GetType().Name, backends[0].Backend.Device.ToString(), _runs, _refused, _failures);
    }

    private void RunCase(ConformanceCase test)
    {
        if (kernel.Refuses(test.Node, CaseRunner.OptionsOf(test, backends[0].Threads)) is { } reason)
        {
            _refused.Add($"{test.Name}: {reason}");
            return;
        }

        foreach ((IBackend backend, int threads) in backends)
        {
            if (!RunOnce(test, backend, threads, guardPages: false))
                return;
        }

        // A stray access ends the process here, so mistakes that show otherwise are reported first.
        if (_guardPages && _failures.Count == 0)
            RunOnce(test, backends[^1].Backend, backends[^1].Threads, guardPages: true);
    }

    private bool RunOnce(ConformanceCase test, IBackend backend, int threads, bool guardPages)
    {
        string name = $"{test.Name}, {threads} thread{(threads == 1 ? "" : "s")}{(guardPages ? ", guard pages" : "")}";
        options.Log?.Invoke($"{kernel.Operation}, {name}");
        _runs++;
        if (CaseRunner.Run(kernel, backend, threads, test, guardPages) is not { } wrong)
            return true;
        _failures.Add(new ConformanceFailure(kernel.Operation, name, wrong.Element, wrong.Expected, wrong.Found));
        return false;
    }
}
