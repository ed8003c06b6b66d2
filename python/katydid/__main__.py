"""`python -m katydid` is the console command."""

from .main import main

if __name__ == "__main__":
    main()
