namespace Diffract.Data;

/// <summary>
/// The threads and buffers of one pass of <see cref="BatchLoader"/>. Batch b lives in slot b mod (BatchesAhead + 1); a worker takes the next
/// request once its slot is free, so memory is bounded, and no worker waits for another.
/// </summary>
sealed class LoaderRun : IDisposable
{
    sealed class Slot(int pictures, int pictureBytes)
    {
        public readonly byte[] Pixels = GC.AllocateUninitializedArray<byte>(checked(pictures * pictureBytes));
        public readonly ContentHash[] Hashes = new ContentHash[pictures];
        public readonly PictureException?[] Errors = new PictureException?[pictures];
        public int Pending;
    }

    readonly PictureSet _set;
    readonly IReadOnlyList<LoadRequest> _requests;
    readonly LoaderOptions _options;
    readonly Slot[] _slots;
    readonly Thread[] _workers;

    // Guarded by _gate, which is pulsed at every change.
    readonly object _gate = new();
    int _next;
    int _released;
    bool _stopped;
    Exception? _fault;

    public LoaderRun(PictureSet set, IReadOnlyList<LoadRequest> requests, LoaderOptions options)
    {
        (_set, _requests, _options) = (set, requests, options);
        int batches = (int)(((long)requests.Count + options.BatchSize - 1) / options.BatchSize);
        int pictureBytes = checked(3 * options.Height * options.Width);
        _slots = new Slot[Math.Min(options.BatchesAhead + 1, batches)];
        for (int i = 0; i < _slots.Length; i++) { _slots[i] = new Slot(Math.Min(options.BatchSize, requests.Count), pictureBytes) { Pending = Size(i) }; }
        _workers = new Thread[Math.Min(options.Workers, requests.Count)];
        for (int i = 0; i < _workers.Length; i++)
        {
            _workers[i] = new Thread(Work) { Name = $"picture loader {i}", IsBackground = true };
            _workers[i].Start();
        }
    }

    /// <summary>The batch once it is complete; null where loading was stopped.</summary>
    public PictureBatch? Wait(int batch)
    {
        var slot = _slots[batch % _slots.Length];
        lock (_gate)
        {
            while (slot.Pending > 0 && !_stopped) { Monitor.Wait(_gate); }
            if (_fault is not null) { throw new InvalidOperationException("a picture loader has failed: " + _fault.Message, _fault); }
            if (_stopped) { return null; }
        }
        return Gather(batch, slot);
    }

    /// <summary>The oldest batch is done with; its slot takes a later one.</summary>
    public void Release()
    {
        lock (_gate)
        {
            var slot = _slots[_released % _slots.Length];
            slot.Pending = Size(_released + _slots.Length);
            _released++;
            Monitor.PulseAll(_gate);
        }
    }

    public void Stop()
    {
        lock (_gate)
        {
            _stopped = true;
            Monitor.PulseAll(_gate);
        }
    }

    public void Dispose()
    {
        Stop();
        foreach (var worker in _workers) { worker.Join(); }
    }

    int Size(int batch) => (int)Math.Clamp(_requests.Count - (long)batch * _options.BatchSize, 0, _options.BatchSize);

    void Work()
    {
        while (Take() is { } request)
        {
            var slot = _slots[request / _options.BatchSize % _slots.Length];
            try { Load(request, slot); }
            catch (Exception fault)                                                    // not the picture's fault: it ends the whole pass, at the consumer
            {
                lock (_gate) { _fault ??= fault; }
                Stop();
                return;
            }
            lock (_gate)
            {
                if (--slot.Pending == 0) { Monitor.PulseAll(_gate); }
            }
        }
    }

    int? Take()
    {
        lock (_gate)
        {
            while (!_stopped && _next < _requests.Count && _next / _options.BatchSize >= _released + _slots.Length) { Monitor.Wait(_gate); }
            return _stopped || _next >= _requests.Count ? null : _next++;
        }
    }

    void Load(int request, Slot slot)
    {
        int place = request % _options.BatchSize;
        slot.Errors[place] = null;
        try
        {
            var (picture, hash) = BatchLoader.LoadOne(_set, _requests[request], _options.Height, _options.Width, _options.Exif);
            slot.Hashes[place] = hash;
            picture.Rgb.CopyTo(slot.Pixels, (long)place * picture.Rgb.Length);
        }
        catch (PictureException error) { slot.Errors[place] = error; }
    }

    // Pictures close up over the gaps of those that failed.
    PictureBatch Gather(int batch, Slot slot)
    {
        int bytes = 3 * _options.Height * _options.Width;
        var pictures = new List<LoadedPicture>(_options.BatchSize);
        var failures = new List<FailedPicture>();
        for (int place = 0; place < Size(batch); place++)
        {
            int request = batch * _options.BatchSize + place;
            var (item, view) = _requests[request];
            if (slot.Errors[place] is { } error)
            {
                failures.Add(new FailedPicture(request, item, error));
                continue;
            }
            if (pictures.Count < place) { Buffer.BlockCopy(slot.Pixels, place * bytes, slot.Pixels, pictures.Count * bytes, bytes); }
            pictures.Add(new LoadedPicture(request, item, view, slot.Hashes[place]));
        }
        return new PictureBatch(_options.Height, _options.Width, slot.Pixels, pictures, failures);
    }
}
